//! The targets without a fuzzer: every input kept, and some thousand more made of them.

use std::fs;
use std::path::{Path, PathBuf};

use mqtt_fuzz_targets::{TARGETS, Target};

/// Inputs made for each target beside those kept.
const MADE: usize = 3_000;

/// The longest input that is kept, in bytes.
const LONGEST: usize = 20_000;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus")
}

/// The inputs kept for a target, in the order of their names.
fn kept(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = corpus().join(target.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
}

/// Prints the input if the target panics.
struct Input<'a> {
    target: &'a Target,
    name: &'a str,
    bytes: &'a [u8],
}

impl Input<'_> {
    fn run(&self) {
        (self.target.run)(self.bytes);
    }
}

impl Drop for Input<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} panics at {}: {:02X?}", self.target.name, self.name, self.bytes);
        }
    }
}

fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let kept = kept(target);
    assert!(kept.len() >= 10, "only {} inputs of {name}", kept.len());
    for (file, bytes) in &kept {
        assert!(bytes.len() <= LONGEST, "{file:?} is long");
        Input { target, name: &file.display().to_string(), bytes }.run();
    }
    let inputs: Vec<Vec<u8>> = kept.into_iter().map(|(_, bytes)| bytes).collect();
    let mut random = Random(1);
    for n in 0..MADE {
        let bytes = random.input(&inputs);
        Input { target, name: &format!("made input {n}"), bytes: &bytes }.run();
    }
}

#[test]
fn decode() {
    replay("decode");
}

#[test]
fn round_trip() {
    replay("round_trip");
}

#[test]
fn topics() {
    replay("topics");
}

#[test]
fn session_bytes() {
    replay("session_bytes");
}

#[test]
fn session_operations() {
    replay("session_operations");
}

#[test]
fn every_folder_and_program_belongs_to_a_target() {
    let mut names: Vec<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    names.sort();
    for (folder, suffix) in [("corpus", ""), ("fuzz_targets", ".rs")] {
        let entries = fs::read_dir(corpus().join("..").join(folder)).unwrap();
        let found = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut found: Vec<String> =
            found.map(|name| name.strip_suffix(suffix).unwrap_or(&name).to_owned()).collect();
        found.sort();
        assert_eq!(found, names, "in {folder}");
    }
}

/// `SplitMix64`, and what it makes of inputs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Less than `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// One in eight from nothing; else one that is kept, changed a few times.
    fn input(&mut self, kept: &[Vec<u8>]) -> Vec<u8> {
        if self.below(8) == 0 {
            let len = self.below(200);
            return self.bytes(len);
        }
        let mut input = kept[self.below(kept.len())].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut input, kept);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, kept: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        match self.below(5) {
            0 => input.truncate(at),
            1 => {
                let len = 1 + self.below(8);
                let more = self.bytes(len);
                input.splice(at..at, more);
            }
            2 => {
                let end = (at + self.below(8)).min(input.len());
                input.drain(at..end);
            }
            3 => {
                let other = &kept[self.below(kept.len())];
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
        }
    }
}
