# Runs inside usb_machine.sh with `mien`, its models, `virtual_usb_camera` and the tests of usb.rs beside it.
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
./mien cameras >list
cat list
grep -q "$camera" list || fail "$camera is not listed"

echo "== mien run: pulled out and put into another socket, twice"
cat >mien.toml <<TEXT
version = 1
[lsl]
enabled = false
# The machine is emulated: what is quick enough elsewhere takes seconds here.
[engine]
threads = 1
[recording]
min_free_gb = 0.1
[detection]
max_faces = 1
detector_size = 96
[[cameras]]
name = "webcam"
source = "$camera"
size = [320, 240]
rate_hz = 5.0
format = "mjpeg"
controls = { brightness = -5 }
TEXT
./mien run --headless --seconds 130 --engine cpu --config mien.toml --stats stats.json 2>log &
run=$!
until grep -q 'camera webcam: live' log; do sleep 1; kill -0 $run 2>/dev/null || break; done
sleep 10; echo unplug >&3; sleep 5; echo "plug 3" >&3
sleep 25; echo unplug >&3; sleep 5; echo "plug 1" >&3
wait $run
code=$?
[ $code = 0 ] || { cat log; fail "mien run ended with $code"; }
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

echo "== the wall clock steps by an hour, forwards and back, while it records"
./mien record --seconds 40 --engine cpu --config mien.toml --video none --no-stream --anyway --out recordings 2>log3 >said3 &
recording=$!
until grep -q "recording into" log3; do sleep 1; kill -0 $recording 2>/dev/null || break; done
sleep 10; date -s "@$(($(date +%s) + 3600))"
sleep 10; date -s "@$(($(date +%s) - 7200))"
wait $recording || { cat log3 said3; fail "mien record has failed"; }
./mien session check --dry-run recordings/* >said4 || { cat said4; fail "the session has problems"; }
head -n 1 said4
./mien export recordings/* --to csv --out csv >/dev/null
awk -F, 'NR > 1 { if (NR > 2 && ($1 <= last || $1 - last > 10)) exit 1; last = $1 } END { if (NR < 20) exit 1; print NR - 1, "frames in order" }' \
    csv/mien_webcam_Frames.csv || fail "the times are out of order"
echo quit >&3
echo "all as it should be"
