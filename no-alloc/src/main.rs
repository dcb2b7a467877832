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
#[link(name = "c")]
unsafe extern "C" {}

/// What the C runtime calls.
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    match no_alloc::drive() {
        Ok(()) => 0,
        Err(step) => step as i32,
    }
}
