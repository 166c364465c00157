"""Integration of samples under the name of scipy.integrate."""

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.signal import trapezoid as trapezoid

_hide_frames_of(__name__)
