//! What the adapters stand on.

use std::process::Command;

/// The blocking adapter runs without an async runtime: there is none below it, nor below its TLS.
#[test]
fn the_blocking_adapter_has_no_async_runtime() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "mqtt-adapter-blocking", "--edges", "normal"])
        .args(["--all-features"])
        .args(["--prefix", "none", "--format", "{p}", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(tree.contains("mio v") && tree.contains("rustls v"), "{tree}");
    for runtime in ["tokio", "async-std", "smol", "async-executor", "futures-executor"] {
        let found = tree.lines().find(|line| line.split(' ').next() == Some(runtime));
        assert_eq!(found, None, "in the tree:\n{tree}");
    }
}
