#!/bin/busybox sh
# The first and only process of the guest that is not the tested one: runs /app/run.sh as root and sends back, through
# the disk, what that leaves in /tmp/out, its exit status as the file rc.
export PATH=/busybox:/bin HOME=/tmp NO_COLOR=1
/bin/busybox mkdir -p /busybox
/bin/busybox --install -s /busybox
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm
mount -t tmpfs shm /dev/shm
mount -t tmpfs tmp /tmp
mkdir -p /tmp/out
mkdir -p /etc
echo 'root:x:0:0::/tmp:/busybox/sh
nobody:x:65534:65534::/tmp:/busybox/sh' > /etc/passwd
ifconfig lo 127.0.0.1 up
insmod /lib/virtio_blk.ko
cd /app
sh ./run.sh
echo "$?" > /tmp/out/rc
tar cf /dev/vda -C /tmp/out .
sync
poweroff -f
