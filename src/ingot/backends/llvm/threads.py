"""The pool of threads that divides loops: native threads, which wait without Python.

The pool's state is a block of memory with fixed fields; `divide` below is compiled once. Threads
are started by the first loop that is divided. A loop runs whole if it took little time when it ran
before, or if the pool is busy. For a moment after its work a thread looks for more before it goes
to sleep, from which it takes long to wake; so does who waits for the others.
"""

from __future__ import annotations

import ctypes
import operator
import os
import platform
import signal
import string
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ingot.backends.llvm import blas, engine, symbols
from ingot.backends.llvm.native.abi import PORTABLE
from ingot.backends.llvm.outline import PARALLEL_FOR
from ingot.util import available_cpus, once

POOL = "ingot:pool"
PARTS = 16  # for each thread, so that all end at about the same time
WAKE_NANOSECONDS = 40_000  # that a loop took one thread last time, below which it is not worth it
AWAKE_NANOSECONDS = 12_000  # the same if threads are awake
LOOK_NANOSECONDS = 100_000  # for which threads stay awake after their work
WAIT_NANOSECONDS = 50_000_000  # between looks for Ctrl-C while waiting for the other threads

INTEL = platform.machine() in ("x86_64", "AMD64")

# Offsets in the pool's state; mutex and conditions have room for every libc's.
MUTEX, WORK, DONE = 0, 128, 256
JOB, LIMIT, STARTED, GENERATION, BUSY, AWAKE = 384, 392, 400, 408, 416, 424
STATE_BYTES = 448

# A job: function, frame, iterations, iterations of a part, next, status, active, low, high.
TEXT = r"""
%Job = type { ptr, ptr, i64, i64, i64, i32, i64, i64, i64 }
@"$POOL" = external global [$STATE_BYTES x i8]
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_timedwait(ptr, ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_detach(i64)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @sigfillset(ptr)
declare i32 @clock_gettime(i32, ptr)
declare i32 @posix_memalign(ptr, i64, i64)
declare void @free(ptr)
$DECLARE_PAUSE
declare i32 @PyGILState_Ensure()
declare i32 @PyErr_CheckSignals()
declare void @PyGILState_Release(i32)

define internal i32 @drain(ptr %job, ptr %arena) {
entry:
  %function.at = getelementptr %Job, ptr %job, i32 0, i32 0
  %function = load ptr, ptr %function.at
  %frame.at = getelementptr %Job, ptr %job, i32 0, i32 1
  %frame = load ptr, ptr %frame.at
  %n.at = getelementptr %Job, ptr %job, i32 0, i32 2
  %n = load i64, ptr %n.at
  %part.at = getelementptr %Job, ptr %job, i32 0, i32 3
  %part = load i64, ptr %part.at
  %next.at = getelementptr %Job, ptr %job, i32 0, i32 4
  %status.at = getelementptr %Job, ptr %job, i32 0, i32 5
  br label %again
again:
  %begin = atomicrmw add ptr %next.at, i64 %part seq_cst
  %stopped = load atomic i32, ptr %status.at monotonic, align 4
  %fine = icmp eq i32 %stopped, 0
  %left = icmp slt i64 %begin, %n
  %go = and i1 %fine, %left
  br i1 %go, label %run, label %out
run:
  %beyond = add i64 %begin, %part
  %more = icmp slt i64 %beyond, %n
  %end = select i1 %more, i64 %beyond, i64 %n
  %result = call i32 %function(i64 %begin, i64 %end, ptr %frame, ptr %arena, ptr %status.at)
  %failed = icmp ne i32 %result, 0
  br i1 %failed, label %fail, label %again
fail:
  store atomic i32 %result, ptr %status.at seq_cst, align 4
  br label %out
out:
  ret i32 0
}

define internal ptr @worker(ptr %argument) {
entry:
  %pool = getelementptr i8, ptr @"$POOL", i64 0
  %mutex = getelementptr i8, ptr %pool, i64 $MUTEX
  %work = getelementptr i8, ptr %pool, i64 $WORK
  %done = getelementptr i8, ptr %pool, i64 $DONE
  %job.at = getelementptr i8, ptr %pool, i64 $JOB
  %limit.at = getelementptr i8, ptr %pool, i64 $LIMIT
  %generation.at = getelementptr i8, ptr %pool, i64 $GENERATION
  %awake.at = getelementptr i8, ptr %pool, i64 $AWAKE
  %mine = ptrtoint ptr %argument to i64
  %signals = alloca [128 x i8], align 16
  %scratch = alloca ptr
  call i32 @sigfillset(ptr %signals)
  call i32 @pthread_sigmask(i32 $SIG_BLOCK, ptr %signals, ptr null)
  call i32 @pthread_mutex_lock(ptr %mutex)
  br label %look
look:
  %seen = phi i64 [0, %entry], [%seen, %sleep], [%done.with, %found]
  %job = load ptr, ptr %job.at
  %generation = load i64, ptr %generation.at
  %limit = load i64, ptr %limit.at
  %none = icmp eq ptr %job, null
  %old = icmp eq i64 %generation, %seen
  %surplus = icmp sge i64 %mine, %limit
  %not1 = or i1 %none, %old
  %not2 = or i1 %not1, %surplus
  br i1 %not2, label %sleep, label %join
sleep:
  call i32 @pthread_cond_wait(ptr %work, ptr %mutex)
  br label %look
join:
  %active.at = getelementptr %Job, ptr %job, i32 0, i32 6
  %active = load i64, ptr %active.at
  %joined = add i64 %active, 1
  store i64 %joined, ptr %active.at
  call i32 @pthread_mutex_unlock(ptr %mutex)
  %low.at = getelementptr %Job, ptr %job, i32 0, i32 7
  %low = load i64, ptr %low.at
  %high.at = getelementptr %Job, ptr %job, i32 0, i32 8
  %high = load i64, ptr %high.at
  %bytes = sub i64 %high, %low
  store ptr null, ptr %scratch
  %needed = icmp sgt i64 %bytes, 0
  br i1 %needed, label %allocate, label %run
allocate:
  %refused = call i32 @posix_memalign(ptr %scratch, i64 64, i64 %bytes)
  %got = icmp eq i32 %refused, 0
  br i1 %got, label %run, label %leave
run:
  %base = load ptr, ptr %scratch
  %back = sub i64 0, %low
  %arena = getelementptr i8, ptr %base, i64 %back
  %ignored = call i32 @drain(ptr %job, ptr %arena)
  call void @free(ptr %base)
  br label %leave
leave:
  call i32 @pthread_mutex_lock(ptr %mutex)
  %before = load i64, ptr %active.at
  %after = sub i64 %before, 1
  store i64 %after, ptr %active.at
  %last = icmp eq i64 %after, 0
  br i1 %last, label %signal, label %finish
signal:
  call i32 @pthread_cond_broadcast(ptr %done)
  br label %finish
finish:
  %done.with = phi i64 [%generation, %leave], [%generation, %signal]
  call i32 @pthread_mutex_unlock(ptr %mutex)
  %more = atomicrmw add ptr %awake.at, i64 1 monotonic
  %free.since = call i64 @now()
  br label %spin
spin:
  %newest = load atomic i64, ptr %generation.at monotonic, align 8
  %same = icmp eq i64 %newest, %done.with
  br i1 %same, label %tick, label %found
tick:
  $PAUSE
  %time = call i64 @now()
  %free.for = sub i64 %time, %free.since
  %tired = icmp sgt i64 %free.for, $LOOK_NANOSECONDS
  br i1 %tired, label %found, label %spin
found:
  %less = atomicrmw sub ptr %awake.at, i64 1 monotonic
  call i32 @pthread_mutex_lock(ptr %mutex)
  br label %look
}

define internal i32 @signals() {
  %lock = call i32 @PyGILState_Ensure()
  %status = call i32 @PyErr_CheckSignals()
  call void @PyGILState_Release(i32 %lock)
  ret i32 %status
}

define internal i64 @now() {
  %time = alloca [2 x i64]
  %got = call i32 @clock_gettime(i32 $CLOCK, ptr %time)
  %nano.at = getelementptr [2 x i64], ptr %time, i32 0, i32 1
  %seconds = load i64, ptr %time
  %nano = load i64, ptr %nano.at
  %scaled = mul i64 %seconds, 1000000000
  %sum = add i64 %scaled, %nano
  ret i64 %sum
}

define i32 @run(ptr %function, ptr %frame, i64 %n, ptr %arena, i64 %low, i64 %high,
                ptr %spent, ptr %outer) {
entry:
  %pool = getelementptr i8, ptr @"$POOL", i64 0
  %mutex = getelementptr i8, ptr %pool, i64 $MUTEX
  %work = getelementptr i8, ptr %pool, i64 $WORK
  %done = getelementptr i8, ptr %pool, i64 $DONE
  %job.at = getelementptr i8, ptr %pool, i64 $JOB
  %limit.at = getelementptr i8, ptr %pool, i64 $LIMIT
  %started.at = getelementptr i8, ptr %pool, i64 $STARTED
  %generation.at = getelementptr i8, ptr %pool, i64 $GENERATION
  %busy.at = getelementptr i8, ptr %pool, i64 $BUSY
  %awake.at = getelementptr i8, ptr %pool, i64 $AWAKE
  %job = alloca %Job
  %thread = alloca i64
  %until = alloca [2 x i64]
  %first = call i64 @now()
  %limit = load atomic i64, ptr %limit.at monotonic, align 8
  %last = load atomic i64, ptr %spent monotonic, align 8
  %alone = icmp sle i64 %limit, 1
  %awake = load atomic i64, ptr %awake.at monotonic, align 8
  %asleep = icmp sle i64 %awake, 0
  %least = select i1 %asleep, i64 $WAKE_NANOSECONDS, i64 $AWAKE_NANOSECONDS
  %short = icmp ult i64 %last, %least
  %single = icmp sle i64 %n, 1
  %not1 = or i1 %alone, %short
  %not2 = or i1 %not1, %single
  br i1 %not2, label %serial, label %try
try:
  %got = cmpxchg ptr %busy.at, i64 0, i64 1 seq_cst seq_cst
  %free = extractvalue { i64, i1 } %got, 1
  br i1 %free, label %start, label %serial
serial:
  %answer = call i32 %function(i64 0, i64 %n, ptr %frame, ptr %arena, ptr %outer)
  br label %leave
start:
  %started = load i64, ptr %started.at
  %following = add i64 %started, 1
  %enough = icmp sge i64 %following, %limit
  br i1 %enough, label %prepare, label %create
create:
  %argument = inttoptr i64 %following to ptr
  %refused = call i32 @pthread_create(ptr %thread, ptr null, ptr @worker, ptr %argument)
  %created = icmp eq i32 %refused, 0
  br i1 %created, label %count, label %prepare
count:
  store i64 %following, ptr %started.at
  %id = load i64, ptr %thread
  call i32 @pthread_detach(i64 %id)
  br label %start
prepare:
  %parts = mul i64 %limit, $PARTS
  %part.exact = sdiv i64 %n, %parts
  %tiny = icmp slt i64 %part.exact, 1
  %part.one = select i1 %tiny, i64 1, i64 %part.exact
  %long = icmp sge i64 %part.one, 64
  %up = add i64 %part.one, 63
  %lines = and i64 %up, -64
  %part = select i1 %long, i64 %lines, i64 %part.one
  %f0 = getelementptr %Job, ptr %job, i32 0, i32 0
  store ptr %function, ptr %f0
  %f1 = getelementptr %Job, ptr %job, i32 0, i32 1
  store ptr %frame, ptr %f1
  %f2 = getelementptr %Job, ptr %job, i32 0, i32 2
  store i64 %n, ptr %f2
  %f3 = getelementptr %Job, ptr %job, i32 0, i32 3
  store i64 %part, ptr %f3
  %f4 = getelementptr %Job, ptr %job, i32 0, i32 4
  store i64 0, ptr %f4
  %status.at = getelementptr %Job, ptr %job, i32 0, i32 5
  store i32 0, ptr %status.at
  %active.at = getelementptr %Job, ptr %job, i32 0, i32 6
  store i64 0, ptr %active.at
  %f7 = getelementptr %Job, ptr %job, i32 0, i32 7
  store i64 %low, ptr %f7
  %f8 = getelementptr %Job, ptr %job, i32 0, i32 8
  store i64 %high, ptr %f8
  call i32 @pthread_mutex_lock(ptr %mutex)
  %generation = load i64, ptr %generation.at
  %newer = add i64 %generation, 1
  store i64 %newer, ptr %generation.at
  store ptr %job, ptr %job.at
  call i32 @pthread_cond_broadcast(ptr %work)
  call i32 @pthread_mutex_unlock(ptr %mutex)
  %drained = call i32 @drain(ptr %job, ptr %arena)
  call i32 @pthread_mutex_lock(ptr %mutex)
  store ptr null, ptr %job.at
  call i32 @pthread_mutex_unlock(ptr %mutex)
  %over.at = getelementptr %Job, ptr %job, i32 0, i32 6
  %idle.since = call i64 @now()
  br label %spin
spin:
  %others = load atomic i64, ptr %over.at monotonic, align 8
  %gone = icmp eq i64 %others, 0
  br i1 %gone, label %spun, label %tick
tick:
  $PAUSE
  %moment = call i64 @now()
  %idle.for = sub i64 %moment, %idle.since
  %tired = icmp sgt i64 %idle.for, $LOOK_NANOSECONDS
  br i1 %tired, label %spun, label %spin
spun:
  call i32 @pthread_mutex_lock(ptr %mutex)
  br label %wait
wait:
  %active = load i64, ptr %active.at
  %over = icmp eq i64 %active, 0
  br i1 %over, label %end, label %sleep
sleep:
  %clock = call i32 @clock_gettime(i32 0, ptr %until)
  %nano.at = getelementptr [2 x i64], ptr %until, i32 0, i32 1
  %nano = load i64, ptr %nano.at
  %later = add i64 %nano, $WAIT_NANOSECONDS
  %carry = icmp sge i64 %later, 1000000000
  %less = sub i64 %later, 1000000000
  %nano.new = select i1 %carry, i64 %less, i64 %later
  store i64 %nano.new, ptr %nano.at
  %second = load i64, ptr %until
  %extra = zext i1 %carry to i64
  %second.new = add i64 %second, %extra
  store i64 %second.new, ptr %until
  %why = call i32 @pthread_cond_timedwait(ptr %done, ptr %mutex, ptr %until)
  %woken = icmp eq i32 %why, 0
  br i1 %woken, label %wait, label %check
check:
  call i32 @pthread_mutex_unlock(ptr %mutex)
  %raised = call i32 @signals()
  %calm = icmp eq i32 %raised, 0
  br i1 %calm, label %back, label %stop
stop:
  store atomic i32 2, ptr %status.at seq_cst, align 4
  br label %back
back:
  call i32 @pthread_mutex_lock(ptr %mutex)
  br label %wait
end:
  call i32 @pthread_mutex_unlock(ptr %mutex)
  store atomic i64 0, ptr %busy.at seq_cst, align 8
  %status = load i32, ptr %status.at
  br label %leave
leave:
  %result = phi i32 [%answer, %serial], [%status, %end]
  %shared = phi i64 [1, %serial], [%limit, %end]
  %time = call i64 @now()
  %taken = sub i64 %time, %first
  %alone.taken = mul i64 %taken, %shared
  store atomic i64 %alone.taken, ptr %spent monotonic, align 8
  ret i32 %result
}
"""


def _forever(thing: Any) -> Any:
    """An object that outlives the interpreter: while that ends and afterwards, threads wait and run
    in the pool's code and state."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
    return thing


class ThreadPool:
    """The state that native code works with, made when a program first needs it."""

    def __init__(self, limit: int):
        self._memory = _forever(ctypes.create_string_buffer(STATE_BYTES + 64))
        start = ctypes.addressof(self._memory)
        self.address = start + -start % 64
        self._limit = ctypes.c_int64.from_address(self.address + LIMIT)
        self.limit = limit
        self.reset()
        os.register_at_fork(after_in_child=self.reset)

    @property
    def limit(self) -> int:
        return self._limit.value

    @limit.setter
    def limit(self, value: int) -> None:
        self._limit.value = value

    @property
    def started(self) -> int:
        """Threads started so far."""
        return ctypes.c_int64.from_address(self.address + STARTED).value

    def reset(self) -> None:
        """The state without threads, as a new process finds it."""
        limit = self.limit
        ctypes.memset(self.address, 0, STATE_BYTES)
        self.limit = limit
        library = ctypes.CDLL(None)
        library.pthread_mutex_init(ctypes.c_void_p(self.address + MUTEX), None)
        for condition in (WORK, DONE):
            library.pthread_cond_init(ctypes.c_void_p(self.address + condition), None)


@once  # not `functools.cache`, which may make two: native threads run in the code of either
def pool() -> ThreadPool:
    """The one pool of this process."""
    return ThreadPool(int(os.environ.get("INGOT_NUM_THREADS", 0)) or available_cpus())


@once
def _code() -> engine.Code:
    """The compiled functions."""
    text = string.Template(TEXT).substitute(
        POOL=POOL, STATE_BYTES=STATE_BYTES, MUTEX=MUTEX, WORK=WORK, DONE=DONE, JOB=JOB,
        LIMIT=LIMIT, STARTED=STARTED, GENERATION=GENERATION, BUSY=BUSY, AWAKE=AWAKE, PARTS=PARTS,
        WAKE_NANOSECONDS=WAKE_NANOSECONDS, WAIT_NANOSECONDS=WAIT_NANOSECONDS,
        AWAKE_NANOSECONDS=AWAKE_NANOSECONDS, LOOK_NANOSECONDS=LOOK_NANOSECONDS,
        PAUSE="call void @llvm.x86.sse2.pause()" if INTEL else "",
        DECLARE_PAUSE="declare void @llvm.x86.sse2.pause()" if INTEL else "",
        CLOCK=int(time.CLOCK_MONOTONIC), SIG_BLOCK=int(signal.SIG_BLOCK))
    code = engine.kept_object_code(text, engine.FAST)
    return _forever(engine.link(code, [POOL], engine.FAST, False, lambda: text))


def prepare() -> None:
    """Compile what divided loops call, ahead of the first one."""
    _code()


def supported() -> bool:
    """Whether this platform has the threads that the pool is made of: not in the portable mode."""
    return PORTABLE is None


symbols.provide(PARALLEL_FOR, lambda: _code().address)
symbols.provide(POOL, lambda: pool().address)


# ---- the user's side -----------------------------------------------------------------------------
def get_num_threads() -> int:
    """Return how many threads the loops of compiled programs are divided among.

    -> an integer: at first as many as the process may run at once (its affinity and its control
    group's quota), or what the environment variable INGOT_NUM_THREADS says. In the portable mode
    always 1.

    >>> ingot.get_num_threads() >= 1
    True
    """
    return pool().limit if supported() else 1


def set_num_threads(number: int) -> None:
    """Divide loops among this many threads from now on; with 1, no other thread does any work.

    number: at least 1; BLAS is limited to it as well, NumPy's and SciPy's, for the whole process.
    What programs compute does not depend on it. In the portable mode it changes nothing. Raises
    TypeError if it is no integer, ValueError if it is less.

    >>> ingot.set_num_threads(ingot.get_num_threads())
    """
    try:
        number = operator.index(number)
    except TypeError:
        raise TypeError(f"set_num_threads: expected an integer, got {number!r:.60}") from None
    if number < 1:
        raise ValueError(f"set_num_threads: at least one thread is needed, got {number}")
    if supported():
        pool().limit = number
    for library in blas.libraries():
        library.threads = number


@contextmanager
def num_threads(number: int) -> Iterator[None]:
    """Divide loops among so many threads while a context lasts, in the whole process.

    number: at least 1 -> a context manager. Raises ValueError if it is less.

    >>> with ingot.num_threads(1):
    ...     ingot.get_num_threads()
    1
    """
    before = get_num_threads()
    libraries = [(library, library.threads) for library in blas.libraries()]
    set_num_threads(number)
    try:
        yield
    finally:
        if supported():
            pool().limit = before
        for library, threads in libraries:
            library.threads = threads
