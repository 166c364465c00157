"""Functions that LLVM calls for conversions of float16 where the processor has no instruction.

A compiler's library has them, which need not be there, and older ones pass float16 as an integer.
They are written in integers, since a conversion written as one could be compiled to a call of
itself.
"""

from __future__ import annotations

NAMES = frozenset(["__truncdfhf2", "__truncsfhf2", "__extendhfsf2", "__extendhfdf2"])
"""From double and float to half, rounded once, ties to even, and back."""

TEXT = """
define half @__truncdfhf2(double %x) {
  %bits = bitcast double %x to i64
  %size = and i64 %bits, 9223372036854775807
  %high = lshr i64 %bits, 48
  %sign = and i64 %high, 32768
  ; a normal result: another bias, and 10 of 52 bits, to which half of what is cut off is added
  %rebiased = sub i64 %size, 4539628424389459968
  %last = lshr i64 %rebiased, 42
  %odd = and i64 %last, 1
  %half = add i64 %odd, 2199023255551
  %sum = add i64 %rebiased, %half
  %digits = lshr i64 %sum, 42
  %over = icmp ugt i64 %digits, 31744
  %normal = select i1 %over, i64 31744, i64 %digits
  ; a subnormal one: the addition rounds to multiples of 2^-24
  %number = bitcast i64 %size to double
  %shifted = fadd double %number, 268435456.0
  %pattern = bitcast double %shifted to i64
  %subnormal = sub i64 %pattern, 4733283208366391296
  %small = icmp ult i64 %size, 4544132024016830464
  %finite = select i1 %small, i64 %subnormal, i64 %normal
  ; NaN stays NaN, with its first bits
  %payload = lshr i64 %size, 42
  %low = and i64 %payload, 1023
  %quiet = or i64 %low, 32256
  %isnan = icmp ugt i64 %size, 9218868437227405312
  %value = select i1 %isnan, i64 %quiet, i64 %finite
  %signed = or i64 %value, %sign
  %short = trunc i64 %signed to i16
  %out = bitcast i16 %short to half
  ret half %out
}

define half @__truncsfhf2(float %x) {
  %wide = fpext float %x to double
  %out = call half @__truncdfhf2(double %wide)
  ret half %out
}

define float @__extendhfsf2(half %x) {
  %short = bitcast half %x to i16
  %bits = zext i16 %short to i32
  %size = and i32 %bits, 32767
  %top = and i32 %bits, 32768
  %sign = shl i32 %top, 16
  %digits = shl i32 %size, 13
  %normal = add i32 %digits, 939524096
  %number = uitofp i32 %size to float
  %scaled = fmul float %number, 0x3E70000000000000
  %subnormal = bitcast float %scaled to i32
  %small = icmp ult i32 %size, 1024
  %finite = select i1 %small, i32 %subnormal, i32 %normal
  %special = or i32 %digits, 2139095040
  %large = icmp uge i32 %size, 31744
  %value = select i1 %large, i32 %special, i32 %finite
  %isnan = icmp ugt i32 %size, 31744
  %quiet = or i32 %value, 4194304
  %kept = select i1 %isnan, i32 %quiet, i32 %value
  %signed = or i32 %kept, %sign
  %out = bitcast i32 %signed to float
  ret float %out
}

define double @__extendhfdf2(half %x) {
  %narrow = call float @__extendhfsf2(half %x)
  %out = fpext float %narrow to double
  ret double %out
}
"""

