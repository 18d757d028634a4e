"""The page about one network of mixture layers."""
