//! The programs are in the folders beside this one: `cargo run --example quickstart`.
