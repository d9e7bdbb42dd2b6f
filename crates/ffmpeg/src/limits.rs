//! What a foreign file may cost: which formats are read, how large pictures may be, how much memory and how much time
//! ffmpeg gets.
//!
//! A small file can describe pictures that fill the memory, and a file with the name of a video can be a playlist that
//! makes ffmpeg open other files and addresses. So only formats are read that hold their pictures themselves, and the
//! limits grow with the file: a real video of large pictures is no small file.

use std::path::Path;
use std::time::Duration;

/// What ffmpeg may open for a file: nothing but files. No format of [`FORMATS`] opens a second one.
pub(crate) const PROTOCOLS: &str = "file";

/// Formats of videos that hold their pictures themselves, by ffmpeg's names. Not here: playlists (`hls`, `dash`,
/// `concat`), patterns of file names (`image2`), descriptions of streams (`sdp`), scripts (`avisynth`), devices
/// (`lavfi`), and text that is drawn (`tty`).
/// Sound is here so that a file of sound is called one.
pub(crate) const FORMATS: &str = "3dostr,4xm,aac,ac3,aiff,amr,amv,anm,ape,apng,asf,asf_o,au,av1,avi,avif,avs2,avs3,bethsoftvid,bfi,bink,\
    bmp_pipe,bmv,c93,caf,cavsvideo,cdxl,cine,cri_pipe,dds_pipe,dhav,dirac,dnxhd,dpx_pipe,dsicin,dts,dv,dxa,ea,\
    eac3,evc,exr_pipe,film_cpk,filmstrip,flac,flic,flv,frm,gdv,gem_pipe,gif,gif_pipe,gxf,h261,h263,h264,\
    hdr_pipe,hevc,hnm,iff,ifv,ingenient,ipmovie,ipu,ivf,ivr,j2k_pipe,jpeg_pipe,jpegls_pipe,jpegxl_anim,\
    jpegxl_pipe,jv,kux,live_flv,lmlm4,lvf,lxf,m4v,matroska,mgsts,mjpeg,mjpeg_2000,mlv,mm,moflex,mov,mp3,mp4,mpc,\
    mpc8,mpeg,mpegts,mpegvideo,mpjpeg,msnwctcp,mtv,mv,mvi,mxf,mxg,nc,nsv,nut,nuv,obu,ogg,paf,pam_pipe,pbm_pipe,\
    pcx_pipe,pfm_pipe,pgm_pipe,pgmyuv_pipe,pgx_pipe,phm_pipe,photocd_pipe,pictor_pipe,pmp,png_pipe,ppm_pipe,\
    psd_pipe,psxstr,pva,qdraw_pipe,qoi_pipe,r3d,rl2,rm,roq,rpl,sdr2,ser,sga,sgi_pipe,siff,smk,smush,\
    sunrast_pipe,swf,tak,thp,tiertexseq,tiff_pipe,tmv,tta,txd,ty,vbn_pipe,vc1,vc1test,viv,vividas,vivo,vmd,vvc,\
    w64,wav,wc3movie,webm,webp_pipe,wsvqa,wtv,wv,xbm_pipe,xmv,xpm_pipe,xwd_pipe,yop,yuv4mpegpipe";

/// What ffmpeg says of a format that is not among them.
const NOT_ALLOWED: &str = "Format not on whitelist";
/// What it says where it gets no memory.
const NO_MEMORY: [&str; 3] = ["Cannot allocate memory", "Failed to allocate", "Could not allocate"];

/// Pixels of a picture that are read for each byte of the file.
const PIXELS_PER_BYTE: u64 = 16;
/// Fewest and most pixels of a picture that are read, whatever the file's size: 5K from any file, 8K from one of 2 MB.
const PIXELS: [u64; 2] = [1 << 24, 1 << 27];
/// Bytes of memory for each byte of the file.
const MEMORY_PER_BYTE: u64 = 256;
/// Least and most memory in bytes.
const MEMORY: [u64; 2] = [640 << 20, 16 << 30];
/// Bytes that ffmpeg needs for each pixel of a picture: as it was decoded, and converted.
const BYTES_PER_PIXEL: u64 = 6;
/// Most threads of one decoder or filter, as ffmpeg chooses by itself, and what the stack of one takes.
const MOST_THREADS: u64 = 16;
const STACK_BYTES: u64 = 8 << 20;
/// How long ffmpeg may say nothing, and how many bytes of the file prolong that by a second.
const PATIENCE: Duration = Duration::from_secs(60);
const BYTES_PER_SECOND: u64 = 1 << 20;

/// What a file may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Most pixels of a picture.
    pub(crate) pixels: u64,
    /// Most memory for pictures, in bytes.
    memory: u64,
    /// Longest time without an answer.
    pub(crate) patience: Duration,
}

impl Limits {
    /// Those of a file; one that cannot be looked at counts as empty.
    pub(crate) fn of_file(path: &Path) -> Self {
        Self::of_bytes(std::fs::metadata(path).map_or(0, |metadata| metadata.len()))
    }

    /// Those of a file of so many bytes.
    pub(crate) fn of_bytes(bytes: u64) -> Self {
        Self {
            pixels: bytes.saturating_mul(PIXELS_PER_BYTE).clamp(PIXELS[0], PIXELS[1]),
            memory: bytes.saturating_mul(MEMORY_PER_BYTE).clamp(MEMORY[0], MEMORY[1]),
            patience: PATIENCE + Duration::from_secs(bytes / BYTES_PER_SECOND),
        }
    }

    /// With so many pixels of a picture instead.
    pub(crate) fn with_pixels(self, pixels: u64) -> Self {
        Self { pixels, ..self }
    }

    /// The options that hold the pictures of an input within these limits.
    pub(crate) fn options(&self) -> String {
        // A larger number is no number to ffmpeg.
        format!("-max_pixels {}", self.pixels.min(i32::MAX as u64))
    }

    /// How many pictures of so many pixels may be decoded at once; nothing where ffmpeg may choose.
    pub(crate) fn threads(&self, pixels: u64) -> Option<u64> {
        // Half of the memory: the other half is for pictures that others refer to.
        let fit = self.memory / 2 / (pixels * BYTES_PER_PIXEL).max(1);
        (fit < MOST_THREADS).then_some(fit.max(1))
    }

    /// Bytes of data that a process may have: the stacks of its threads count as well.
    pub(crate) fn process_bytes(&self) -> u64 {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        self.memory + 3 * (cores + 1).min(MOST_THREADS) * STACK_BYTES
    }

    /// ffmpeg's words where these limits are the reason, in a person's.
    pub(crate) fn explain(&self, words: String) -> String {
        if words.contains(NOT_ALLOWED) {
            return "it is a playlist, or of a format that Mien does not read".to_owned();
        }
        if NO_MEMORY.iter().any(|no_memory| words.contains(no_memory)) {
            return format!("its pictures take more memory than a file of its size may use ({words})");
        }
        too_large_for_ffmpeg(&words).map_or(words, |(width, height)| self.too_large(width, height))
    }

    /// The words for pictures that are too large.
    pub(crate) fn too_large(&self, width: u32, height: u32) -> String {
        format!(
            "its pictures have {width} × {height} pixels: at most {} million are read from a file of its size",
            self.pixels / 1_000_000
        )
    }
}

/// ffmpeg's words for a picture beyond `-max_pixels`: `Picture size 16000x16000 exceeds specified max pixel count …`.
fn too_large_for_ffmpeg(words: &str) -> Option<(u32, u32)> {
    let (size, _) = words.split_once("Picture size ")?.1.split_once(" exceeds specified max pixel count")?;
    let (width, height) = size.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_grow_with_the_file() {
        let (small, large) = (Limits::of_bytes(1 << 20), Limits::of_bytes(1 << 30));
        assert!(small.pixels >= 5120 * 2880 && small.pixels < 16_000 * 16_000);
        assert!(small.process_bytes() < 1 << 30 || MOST_THREADS * 3 * STACK_BYTES > 200 << 20);
        assert!(Limits::of_bytes(3 << 20).pixels >= 7680 * 4320);
        assert!(large.pixels < 16_000 * 16_000 && large.patience > small.patience);
        assert_eq!(small.threads(1920 * 1080), None);
        assert_eq!(small.threads(1 << 24), Some(3));
        assert_eq!(large.threads(7680 * 4320), None);
    }

    #[test]
    fn what_ffmpeg_says_is_explained() {
        let limits = Limits::of_bytes(0);
        let words =
            "Picture size 16000x9000 exceeds specified max pixel count 16777216, see the documentation";
        assert!(limits.explain(words.to_owned()).contains("16000 × 9000 pixels: at most 16 million"));
        assert!(limits.explain(format!("{NOT_ALLOWED} 'mov'")).contains("a playlist"));
        assert!(limits.explain(format!("x: {}", NO_MEMORY[0])).contains("more memory than"));
        assert_eq!(limits.explain("moov atom not found".to_owned()), "moov atom not found");
    }

    #[test]
    fn no_format_opens_other_files() {
        let formats: Vec<&str> = FORMATS.split(',').collect();
        assert!(formats.iter().all(|name| !name.is_empty() && name.trim() == *name), "{formats:?}");
        for other in
            ["hls", "dash", "concat", "image2", "sdp", "rtsp", "avisynth", "vapoursynth", "lavfi", "imf"]
        {
            assert!(!formats.contains(&other), "{other}");
        }
    }
}
