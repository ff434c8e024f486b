#!/bin/sh
# In the guest, from where prepare.sh put it: the checks, run by the node that stands in the host's PATH.
cd "$(dirname "$0")/js/test/guest" || exit 1
failed=0
for check in gpio serial; do
  node --no-warnings "$check-check.js" || failed=1
done
exit $failed
