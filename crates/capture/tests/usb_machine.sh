#!/bin/sh
# Runs programs as root in a small virtual machine whose kernel has the drivers of USB cameras:
#   usb_machine.sh SCRIPT PROGRAM|FOLDER...
# SCRIPT (a shell script) starts as /run/script with the PROGRAMs and FOLDERs beside it in /run, once the modules vhci-hcd and
# uvcvideo are loaded. Its exit code is this script's. The kernel is Debian's, kept in target/usb-machine; the machine
# is emulated, and some twenty times slower than this one.
set -eu
cd "$(dirname "$0")/../../.."
folder=target/usb-machine
for program in qemu-system-x86_64 cpio depmod modprobe busybox dpkg-deb; do
    command -v "$program" >/dev/null 2>&1 || [ -x "/sbin/$program" ] || { echo "$program is missing" >&2; exit 1; }
done
PATH=$PATH:/sbin:/usr/sbin

# The kernel, once.
if [ ! -f "$folder/version" ]; then
    rm -rf "$folder" && mkdir -p "$folder/package"
    package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    (cd "$folder/package" && apt-get download -qq "$package" && dpkg-deb -x linux-image-*.deb root && rm linux-image-*.deb)
    version=$(ls "$folder/package/root/lib/modules")
    depmod -b "$folder/package/root" "$version"
    echo "$version" >"$folder/version"
fi
version=$(cat "$folder/version")

# The file system: busybox, the modules, the programs with their libraries.
root=$folder/root
rm -rf "$root" && mkdir -p "$root/bin" "$root/run" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/lib"
cp "$(command -v busybox)" "$root/bin/busybox"
for module in vhci-hcd uvcvideo; do
    modprobe -d "$folder/package/root" -S "$version" --show-depends "$module" | sed -n 's/^insmod //p'
done | awk '!seen[$1]++' | while read -r module _; do
    cp "$module" "$root/lib/" && echo "insmod /lib/$(basename "$module")"
done >"$folder/modules.sh"
cp "$1" "$root/run/script"
shift
for program; do
    if [ -d "$program" ]; then
        cp -r "$program" "$root/run/"
        continue
    fi
    cp "$program" "$root/run/" && strip "$root/run/$(basename "$program")" 2>/dev/null || true
    ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
        mkdir -p "$root$(dirname "$library")" && cp -L "$library" "$root$library"
    done
done
{
    cat <<'TEXT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/run HOME=/tmp
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev; mount -t tmpfs none /tmp
mkdir -p /dev/shm && mount -t tmpfs none /dev/shm
dmesg -n 1
TEXT
    cat "$folder/modules.sh"
    echo 'cd /run && sh /run/script </dev/null; echo "exit code $?"; poweroff -f'
} >"$root/init"
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$folder/initramfs.gz"

# Without KVM: where this runs is mostly a virtual machine already, whose /dev/kvm may be there and not work.
timeout 900 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -nodefaults -no-reboot -display none -serial stdio \
    -kernel "$folder/package/root/boot/vmlinuz-$version" -initrd "$folder/initramfs.gz" \
    -append "console=ttyS0 quiet panic=-1" </dev/null 2>&1 | tee "$folder/console.log"
code=$(sed -n 's/^exit code \([0-9]*\).*/\1/p' "$folder/console.log" | tail -n 1)
exit "${code:-1}"
