"""Non-temporal copy, as LLVM's text: whole cache lines, stored without being read first."""

from __future__ import annotations

STREAM = "ingot.stream"

NONTEMPORAL = 999_999
"""The metadata node that says so, besides those of `emit.py`."""

DEFINITION = f"""\
define internal void @{STREAM}(ptr noalias %target, ptr noalias readonly %source, i64 %nbytes) {{
entry:
  %address = ptrtoint ptr %target to i64
  %both = or i64 %address, %nbytes
  %rest = and i64 %both, 63
  %whole = icmp eq i64 %rest, 0
  br i1 %whole, label %line, label %parts
parts:
  call void @llvm.memcpy.p0.p0.i64(ptr %target, ptr %source, i64 %nbytes, i1 false)
  ret void
line:
  %i = phi i64 [0, %entry], [%next, %line]
  %from = getelementptr inbounds i8, ptr %source, i64 %i
  %to = getelementptr inbounds i8, ptr %target, i64 %i
  %value = load <16 x i32>, ptr %from, align 64
  store <16 x i32> %value, ptr %to, align 64, !nontemporal !{NONTEMPORAL}
  %next = add nuw nsw i64 %i, 64
  %again = icmp ult i64 %next, %nbytes
  br i1 %again, label %line, label %done
done:
  ret void
}}
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)""".splitlines()

METADATA = [f"!{NONTEMPORAL} = !{{i32 1}}"]
