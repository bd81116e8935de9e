"""Names of classes: of clusters, and which of several CLIP should read."""
