#!/bin/sh
# Fetches a Debian kernel with its USB modules and builds gpio-sim for it (GPL-2.0 source from the
# distribution, used here and not kept), and compiles the checks: an emulated processor takes minutes over
# it. In: an empty folder, $1; root, apt, about 210 MB; npm ci. Out: $1/vmlinuz, $1/initrd.gz, $1/check.sh.
# Debian builds neither GPIO_SIM nor IRQ_SIM; irq_to_desc is not exported to modules, hence the one edit.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
image=$(apt-cache depends linux-image-amd64 | awk '/Depends:/ { print $2; exit }')
version=${image#linux-image-}
source=linux-source-$(echo "$version" | cut -d. -f1,2)
apt-get install -qq -y --no-install-recommends \
  qemu-system-x86 seabios cpio make gcc-12 "linux-headers-$version" >/dev/null
apt-get download -qq "$image" "$source" busybox-static
dpkg-deb --fsys-tarfile "$image"_*.deb | tar -x ./boot ./lib/modules
dpkg-deb -x busybox-static_*.deb .
mkdir module
dpkg-deb --fsys-tarfile "$source"_*.deb | tar -xO "./usr/src/$source.tar.xz" |
  tar -xJ -C module --transform 's|.*/||' \
    "$source/drivers/gpio/gpio-sim.c" "$source/drivers/gpio/gpiolib.h" "$source/kernel/irq/irq_sim.c"
mv module/gpio-sim.c module/core.c
sed -i 's/handle_simple_irq(irq_to_desc(irqnum))/generic_handle_irq(irqnum)/' module/irq_sim.c
printf 'obj-m := gpio-sim.o\ngpio-sim-y := core.o irq_sim.o\n' >module/Kbuild
make -s -C "/lib/modules/$version/build" "M=$PWD/module" modules

modules="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci 9pnet 9pnet_virtio netfs fscache 9p configfs"
# A USB host controller wired to a USB device controller, and on the latter a CDC ACM function.
modules="$modules usb-common usbcore udc-core dummy_hcd cdc-acm u_serial libcomposite usb_f_acm"
mkdir root
cp bin/busybox "$here/init" root/
for m in $modules; do cp "$(find lib/modules -name "$m.ko")" root/; done
cp module/gpio-sim.ko root/
strip --strip-debug root/*.ko
echo "$modules gpio-sim" >root/order
(cd root && find . | cpio --quiet -oH newc | gzip -1) >initrd.gz
cp boot/vmlinuz-* vmlinuz

cp "$here/check.sh" .
"$here/../../node_modules/.bin/tsc" -p "$here/tsconfig.json" --outDir js
echo '{ "type": "module" }' >js/package.json
ln -s "$(cd "$here/../../node_modules" && pwd -P)" js/node_modules
