//! The codec benchmark, run in rounds; criterion's estimates are read from its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mqtt_benches::Result;
use serde::Deserialize;

use crate::programs::{Programs, cargo};
use crate::statistics::Spread;

/// Packets in one of the benchmark's iterations.
const PACKETS: f64 = 100.0;

/// The implementation that the others are divided by.
pub(crate) const BASELINE: &str = "hand-written";

/// What one implementation takes per packet, in nanoseconds.
#[derive(Debug)]
pub(crate) struct Codec {
    pub(crate) name: String,
    pub(crate) decode: Spread,
    /// Decoding with six properties read.
    pub(crate) properties: Spread,
    pub(crate) encode: Spread,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

/// Runs every case once per round.
pub(crate) fn run(programs: &Programs, rounds: usize) -> Result<Vec<Codec>> {
    programs.enter_client_processors()?;
    let mut samples = BTreeMap::<String, [Vec<f64>; 3]>::new();
    for round in 1..=rounds {
        eprintln!("codec, round {round} of {rounds}");
        let home = tempfile::tempdir()?;
        let output = cargo("bench")
            .args(["--bench", "codec", "--", "--quiet", "--noplot"])
            .args(["--warm-up-time", "0.5", "--measurement-time", "1"])
            .env("CRITERION_HOME", home.path())
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        for (at, group) in ["decode", "properties", "encode"].into_iter().enumerate() {
            for (name, ns) in estimates(&home.path().join(group))? {
                samples.entry(name).or_default()[at].push(ns / PACKETS);
            }
        }
    }
    let mut codecs = Vec::new();
    for (name, samples) in samples {
        if let [Some(decode), Some(properties), Some(encode)] = samples.map(Spread::of) {
            codecs.push(Codec { name, decode, properties, encode });
        }
    }
    codecs.sort_by_key(|codec| codec.name != BASELINE);
    Ok(codecs)
}

/// The median of each case in one group, in nanoseconds per iteration.
fn estimates(group: &Path) -> Result<Vec<(String, f64)>> {
    let mut found = Vec::new();
    for case in fs::read_dir(group)? {
        let case = case?;
        let file = case.path().join("new").join("estimates.json");
        if file.is_file() {
            let estimates: Estimates = serde_json::from_str(&fs::read_to_string(file)?)?;
            let name = case.file_name().to_string_lossy().into_owned();
            found.push((name, estimates.median.point_estimate));
        }
    }
    Ok(found)
}
