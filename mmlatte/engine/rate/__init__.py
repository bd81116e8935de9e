"""How far to train, judged without labels."""
