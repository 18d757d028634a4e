"""From words to a checked config: composing with Hydra, checking against signatures, building, listing."""
