//! Loads a TensorRT, says what it is, and goes as far with it as this machine allows:
//! `cargo run -p mien-tensorrt --example probe -- [FOLDER] [MODEL.onnx] [PLAN]`, where PLAN is written if it is not
//! there.

use std::path::PathBuf;

use mien_tensorrt::{BuildRequest, Library, Precision, SearchOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let library = Library::find(&SearchOptions { path: arguments.next(), ..Default::default() })?;
    println!("{library} ({} tables) at {}", library.generation(), library.path().display());
    match library.parser_path() {
        Ok(parser) => println!("ONNX parser at {}", parser.display()),
        Err(error) => println!("no ONNX parser: {error}"),
    }
    let (model, plan) = (arguments.next(), arguments.next());
    let bytes = match (&model, &plan) {
        (_, Some(plan)) if plan.exists() => std::fs::read(plan)?,
        (Some(model), _) => {
            let onnx = std::fs::read(model)?;
            let name = model.display().to_string();
            let mut request = BuildRequest::new(&name, &onnx, Precision::Fp32);
            request.optimization_level = Some(1);
            let mut report = |progress: mien_tensorrt::Progress| {
                let Some(fraction) = progress.fraction() else { return };
                println!("{:6.1} s {:3.0} %", progress.elapsed.as_secs_f64(), 100.0 * fraction);
            };
            let built = library.builder()?.build(request, &mut report)?;
            if let Some(plan) = plan {
                std::fs::write(plan, &built.bytes)?;
            }
            built.bytes
        }
        (None, _) => {
            match library.runtime() {
                Ok(_) => println!("a runtime is there"),
                Err(error) => println!("no runtime: {error}"),
            }
            match library.builder() {
                Ok(_) => println!("a builder is there"),
                Err(error) => println!("no builder: {error}"),
            }
            return Ok(());
        }
    };
    let engine = library.runtime()?.deserialize(&bytes)?;
    println!("{} bytes of plan, {} of device memory", bytes.len(), engine.device_memory_bytes());
    for tensor in engine.tensors() {
        println!("  {tensor:?}");
    }
    println!("profiles: {:?}", engine.profiles()?);
    engine.context()?.infer_shapes().unwrap_or_else(|error| println!("{error}"));
    Ok(())
}
