#!/bin/sh
# In the guest: the check, run from source by the node that stands in the host's PATH. /mnt is writable.
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
mkdir -p /mnt/swc
export SWC_NATIVE_BINDING_CACHE=/mnt/swc
exec node --no-warnings --import ./scripts/ts-register.mjs test/guest/gpio-check.ts
