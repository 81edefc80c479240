"""What is done to parameters and gradients from outside the layers."""

from minigan.nn.utils.clip_grad import clip_grad_norm_, clip_grad_value_, get_total_norm
from minigan.nn.utils.spectral_norm import remove_spectral_norm, spectral_norm

__all__ = ["clip_grad_norm_", "clip_grad_value_", "get_total_norm", "remove_spectral_norm", "spectral_norm"]
