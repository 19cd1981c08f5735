"""The system calls a numeric Python needs. Everything else is refused; some of it ends the process.

Two filters are made of one list. The first lies on an interpreter from its start and lets it start
programs and threads, as imports do, and forks for jobs of one code. The second, put on by the worker just before a job,
takes that away as well: a job is one process with one thread.
"""

from __future__ import annotations

import errno
import os
from functools import cache
from typing import Any

from Backtest.errors import SandboxUnavailable

# Memory, files, time, signals to itself, waiting.
ALLOWED = """
    brk mmap munmap mremap mprotect madvise mincore msync mlock munlock membarrier
    read pread64 readv preadv write pwrite64 writev close close_range lseek dup dup2 dup3 fcntl flock
    open openat openat2 creat access faccessat faccessat2 stat fstat lstat newfstatat statx statfs fstatfs
    getdents getdents64 readlink readlinkat getcwd chdir fchdir mkdir mkdirat rmdir unlink unlinkat
    rename renameat renameat2 link linkat symlink symlinkat ftruncate truncate fallocate fsync fdatasync
    chmod fchmod fchmodat umask utimensat utime utimes copy_file_range sendfile fadvise64
    pipe pipe2 poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2
    memfd_create getxattr lgetxattr
    clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times timerfd_create timerfd_settime
    alarm setitimer getitimer
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait sigaltstack pause
    kill tkill tgkill restart_syscall
    futex get_robust_list set_robust_list set_tid_address rseq sched_yield sched_getaffinity sched_getparam
    sched_getscheduler getcpu getpriority
    getpid getppid gettid getuid geteuid getgid getegid getgroups getresuid getresgid getpgid getpgrp getsid
    uname sysinfo getrusage getrlimit setrlimit getrandom arch_prctl capget wait4 waitid exit exit_group
    recvfrom recvmsg sendto sendmsg shutdown getsockname getpeername getsockopt
"""
STARTING = "execve clone vfork fork"
# What no strategy asks for by mistake: the process ends, and the run is a violation.
FATAL = """
    ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_open pidfd_getfd pidfd_send_signal
    mount umount2 pivot_root chroot unshare setns open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr
    bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
    keyctl add_key request_key open_by_handle_at name_to_handle_at
    kexec_load kexec_file_load init_module finit_module delete_module reboot swapon swapoff acct quotactl
    settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname iopl ioperm syslog
    setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset
    mknod mknodat lookup_dcookie vhangup nfsservctl
"""
TERMINAL_SIZE = 0x5401  # TCGETS: "is this a terminal?", which every open() of Python asks
CLOSE_ON_EXEC, NON_BLOCKING = 0x5451, 0x5421
PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 4, 15, 22, 38


@cache
def program(*, starting: bool) -> bytes:
    """Return a filter as BPF instructions, for an interpreter that starts or for one with a job.

    Raises:
        SandboxUnavailable: libseccomp is not installed.
    """
    seccomp = _library()
    found = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    found.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)  # calls numbered as another processor's
    for name in [*ALLOWED.split(), *(STARTING.split() if starting else ())]:
        _rule(found, seccomp.ALLOW, name)
    if not starting:
        # A program or a process started from a strategy: told by an error it can read.
        for name in ("execve", "execveat", "clone", "fork", "vfork"):
            _rule(found, seccomp.ERRNO(errno.EACCES), name)
    _rule(found, seccomp.ERRNO(errno.ENOSYS), "clone3")  # its flags cannot be read: libc falls back to clone
    for name in FATAL.split():
        _rule(found, seccomp.KILL_PROCESS, name)
    _rule(found, seccomp.ALLOW, "prlimit64", seccomp.Arg(0, seccomp.EQ, 0))  # its own limits
    for value in (TERMINAL_SIZE, CLOSE_ON_EXEC, NON_BLOCKING):
        _rule(found, seccomp.ALLOW, "ioctl", seccomp.Arg(1, seccomp.EQ, value))
    for value in (PR_SET_NAME, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, *((PR_SET_DUMPABLE,) if starting else ())):
        _rule(found, seccomp.ALLOW, "prctl", seccomp.Arg(0, seccomp.EQ, value))
    with os.fdopen(os.memfd_create("filter"), "w+b") as file:
        found.export_bpf(file)
        file.seek(0)
        return file.read()


def _rule(found: Any, action: int, name: str, *conditions: Any) -> None:
    """Add a rule, unless this machine has no such system call."""
    seccomp = _library()
    try:
        number = seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)
    except (ValueError, OSError):
        return
    if number >= 0:
        found.add_rule(action, number, *conditions)


@cache
def _library() -> Any:
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError):
        raise SandboxUnavailable(
            "libseccomp is missing: install it (Debian and Ubuntu: apt install libseccomp2), "
            "or set SANDBOX_BACKEND=docker"
        ) from None
    return pyseccomp
