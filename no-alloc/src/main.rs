//! Runs `drive` without an allocator; the exit code is 0, or the step that failed.
#![no_std]
#![no_main]

/// Nothing in the session panics; if something did, the program would not end with 0.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

// For `memcpy` and its like; there is no allocator for Rust to call.
#[cfg(not(target_os = "none"))]
#[link(name = "c")]
unsafe extern "C" {}

/// For `cargo xtask embedded`, which reads it from the linked program.
#[cfg(target_os = "none")]
#[unsafe(link_section = ".sizes")]
static SIZES: [usize; 10] = no_alloc::sizes::SIZES;

/// What the C runtime calls.
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    #[cfg(target_os = "none")]
    core::hint::black_box(&SIZES);
    match no_alloc::drive() {
        Ok(()) => 0,
        Err(step) => step as i32,
    }
}
