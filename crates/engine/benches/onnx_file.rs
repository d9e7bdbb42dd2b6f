//! Times one ONNX file in the embedded engine.
//!
//! `cargo bench -p mien-engine -- FILE [--size HEIGHTxWIDTH] [--threads N] [--batch N] [--runs N]`
//!
//! Prints the median and the 5th and 95th percentile of a run, in milliseconds. Without `--threads`,
//! one, two and the engine's own choice are compared, interleaved, so that a busy machine hits all alike.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use mien_engine::{Engine, EngineOptions, RtenEngine};

struct Settings {
    file: PathBuf,
    size: Option<[usize; 2]>,
    threads: Vec<Option<usize>>,
    batch: usize,
    runs: usize,
}

fn settings() -> Option<Settings> {
    let mut settings = Settings {
        file: PathBuf::new(),
        size: None,
        threads: vec![Some(1), Some(2), None],
        batch: 1,
        runs: 100,
    };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        match word.as_str() {
            "--size" => {
                let size = words.next()?;
                let (height, width) = size.split_once('x')?;
                settings.size = Some([height.parse().ok()?, width.parse().ok()?]);
            }
            "--threads" => settings.threads = vec![Some(words.next()?.parse().ok()?)],
            "--batch" => settings.batch = words.next()?.parse().ok()?,
            "--runs" => settings.runs = words.next()?.parse().ok()?,
            file => settings.file = file.into(),
        }
    }
    (!settings.file.as_os_str().is_empty()).then_some(settings)
}

fn main() -> ExitCode {
    let Some(settings) = settings() else {
        println!("usage: onnx_file FILE [--size HEIGHTxWIDTH] [--threads N] [--batch N] [--runs N]");
        return ExitCode::SUCCESS;
    };
    match run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<(), mien_engine::EngineError> {
    let mut engines = Vec::new();
    for &threads in &settings.threads {
        let options = EngineOptions { input_size: settings.size, threads, max_batch: settings.batch };
        engines.push((RtenEngine::load(&settings.file, &options)?, Vec::new()));
    }
    for run in 0..settings.runs + 3 {
        for (engine, times) in &mut engines {
            for index in 0..engine.inputs().len() {
                for (at, value) in engine.input_mut(index, settings.batch).iter_mut().enumerate() {
                    *value = (at % 251) as f32 / 251.0;
                }
            }
            let start = Instant::now();
            engine.run(settings.batch)?;
            // The first runs warm up caches and threads.
            if run >= 3 {
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    for (engine, times) in &mut engines {
        times.sort_by(f64::total_cmp);
        let at = |part: f64| times[(times.len() as f64 * part) as usize];
        println!(
            "{}, batch {}: median {:.2} ms, 5 % {:.2} ms, 95 % {:.2} ms",
            engine.info(),
            settings.batch,
            at(0.5),
            at(0.05),
            at(0.95),
        );
    }
    Ok(())
}
