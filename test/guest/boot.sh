#!/bin/sh
# boot.sh FOLDER: boots what prepare.sh made in FOLDER (an absolute path) and runs FOLDER/check.sh in the
# guest; the last line is GUEST_EXIT and its exit code.
# Emulated, never KVM: a nested host may offer /dev/kvm and hang on it. Latencies mean nothing here.
exec qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m 1024 -smp 2 -nodefaults -no-user-config \
  -nographic -serial stdio -no-reboot -kernel "$1/vmlinuz" -initrd "$1/initrd.gz" \
  -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
  -append "console=ttyS0 quiet panic=-1 guestcmd=$1/check.sh" </dev/null
