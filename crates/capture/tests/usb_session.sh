# Runs inside usb_machine.sh with `mien`, `virtual_usb_camera` and the tests of usb.rs beside it.
set -u
cd /run
fail() { echo "FAILED: $*"; exit 1; }
[ -x usb_tests ] && { ./usb_tests --ignored --test-threads 1 --nocapture || exit 1; }
[ -x mien ] || exit 0

mkfifo commands
./virtual_usb_camera <commands >said &
exec 3>commands
for second in $(seq 60); do [ -s said ] && ls /dev/video0 >/dev/null 2>&1 && break; sleep 1; done
camera=$(cat said)
echo "== mien cameras"
./mien cameras
./mien cameras | grep -q "$camera" || fail "$camera is not listed"

echo "== mien run: pulled out and put into another socket, twice"
cat >mien.toml <<TEXT
version = 1
[lsl]
enabled = false
[[cameras]]
name = "webcam"
source = "$camera"
size = [320, 240]
rate_hz = 5.0
format = "mjpeg"
controls = { brightness = -5 }
TEXT
./mien run --headless --seconds 100 --engine cpu --config mien.toml --stats stats.json 2>log &
run=$!
sleep 40; echo unplug >&3; sleep 5; echo "plug 3" >&3
sleep 15; echo unplug >&3; sleep 5; echo "plug 1" >&3
wait $run || { cat log; fail "mien run ended with $?"; }
grep -v '^$' log | cut -c 1-150
cat stats.json
grep -q '"state": "live"' stats.json || fail "not live at the end"
[ "$(grep -c 'reconnecting.*was unplugged' log)" -ge 2 ] || fail "the reason is not said"
grep -q '"restarts": 0' stats.json || fail "the worker was restarted"
grep -q '"track_ids": 0' stats.json && fail "nobody was tracked"
ls /dev/shm | grep -q mien && fail "rings are left"

echo "== a camera that somebody else has"
./mien run --headless --seconds 60 --engine cpu --config mien.toml 2>/dev/null &
first=$!
sleep 25
./mien run --headless --seconds 15 --engine cpu --config mien.toml 2>log2
grep -q 'another program uses it' log2 || { cat log2; fail "busy is not said"; }
wait $first || fail "the first ended with $?"
echo quit >&3
echo "all as it should be"
