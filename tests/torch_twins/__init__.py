"""The presets' networks, optimizers and games in plain PyTorch: of minigan they know nothing but the settings."""
