"""A package laid out like moe_lab, small enough that every rule of the config can be seen at work."""
