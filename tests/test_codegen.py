"""What LLVM's passes made is verified before machine code is made of it."""

from __future__ import annotations

import pytest

from ingot.backends.llvm import codegen

MODULE = "define i64 @f(i64 %x) {\n  %y = add i64 %x, 1\n  ret i64 %y\n}\n"
BROKEN = "define i64 @f(i64 %x) {\n  %z = add i64 %y, 1\n  %y = add i64 %x, 1\n  ret i64 %z\n}\n"


def test_the_verifier_finds_uses_before_definitions():
    direct = codegen.library()
    if direct is None:
        pytest.skip("llvmlite's library is not called directly here")
    for text, valid in ((MODULE, True), (BROKEN, False)):
        with direct.module(text) as module:
            assert direct.is_valid(module) == valid


@pytest.mark.parametrize("broken, tried", [
    ([], [True]), ([True], [True, False]), ([True, False], [True, False])])
def test_what_passes_broke_is_made_without_them(broken, tried, monkeypatch):
    """First without the vectorizer of straight-line code, then without passes."""
    if (direct := codegen.library()) is None:
        pytest.skip("llvmlite's library is not called directly here")
    ran = []
    run_passes = direct.run_passes

    def recorded(module, machine, opt_level, lines, slp):
        ran.append(slp)
        run_passes(module, machine, opt_level, lines, slp)

    monkeypatch.setattr(direct, "run_passes", recorded)
    monkeypatch.setattr(direct, "is_valid", lambda module: ran[-1] not in broken)
    code = direct.object_code(MODULE, 2, 2, 1)
    assert ran == tried
    assert code == codegen.object_code(MODULE, 2, 2)


@pytest.mark.parametrize("broken, tried", [([], [True]), ([True], [True, False])])
def test_what_passes_broke_is_made_without_them_by_llvmlite(broken, tried, monkeypatch):
    ran = []
    run_passes = codegen.run_passes

    def recorded(module, machine, opt_level, lines, slp):
        ran.append(slp)
        run_passes(module, machine, opt_level, lines, slp)
        if slp in broken:
            module.get_function("f").linkage = "common"  # which functions cannot have

    monkeypatch.setattr(codegen, "run_passes", recorded)
    codegen.optimized(MODULE, codegen.new_target_machine(2), 2, 1).verify()
    assert ran == tried
