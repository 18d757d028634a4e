"""Networks whose blocks hold mixture layers."""
