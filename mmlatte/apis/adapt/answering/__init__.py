"""Questions about a folder's images, and the answers to them."""
