"""Speaking to a server: what is sent, what comes back, and meanwhile."""
