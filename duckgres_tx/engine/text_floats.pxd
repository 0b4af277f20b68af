"""Floating-point numbers as text. No GIL, no allocation: the caller has made room (32 bytes)."""

from libc.stdint cimport int32_t


# Above 0, `extra_float_digits` asks for the shortest text that reads back as the same number; else for 15 (float4: 6)
# significant digits plus itself.
cdef char *write_double(char *out, double value, int extra_float_digits) noexcept nogil
cdef char *write_float(char *out, float value, int extra_float_digits) noexcept nogil
