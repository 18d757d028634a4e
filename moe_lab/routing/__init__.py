"""What a gate decides, and how the experts' answers are combined."""
