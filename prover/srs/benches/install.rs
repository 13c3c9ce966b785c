//! Times of making the development SRS, of opening it, and of importing it as a file from outside:
//! `cargo bench -p zeno-srs -- 18 20`, with the logarithms of the degrees; the default is 16.

use std::{error::Error, time::Instant};

use zeno_srs::{Srs, development, import};

fn main() -> Result<(), Box<dyn Error>> {
    let ks: Vec<u32> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    for k in if ks.is_empty() { vec![16] } else { ks } {
        let folder = tempfile::tempdir()?;
        let (made, other) = (folder.path().join("made"), folder.path().join("imported"));
        let start = Instant::now();
        let srs = development(&made, &[k], &())?.remove(0);
        let making = start.elapsed();
        let start = Instant::now();
        Srs::open(&made, k)?;
        let opening = start.elapsed();
        let start = Instant::now();
        import(&other, srs.path(), &[], &())?;
        let importing = start.elapsed();
        println!("k = {k}: made in {making:.2?}, opened in {opening:.2?}, imported in {importing:.2?}");
    }
    Ok(())
}
