//! A session whose broker sends any bytes, and whose owner does what it may, in any order.

mod run;
mod step;

use arbitrary::Unstructured;
use mqtt_session::Heap;

use crate::settings::{Setting, Small, setting};
use run::Run;
use step::Step;

/// A setting, whether the application only listens, then one step after the other.
///
/// Nothing panics or goes on for ever, no wake-up is in the past, an operation has at most one
/// outcome, a connection one CONNECT, at most one DISCONNECT and exactly one `Closed`, and the broker
/// of an application that only listens cannot make it take more memory than the bound.
pub fn session_bytes(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(Setting { config, is_fixed }) = setting(&mut input) else { return };
    let only_listens = input.arbitrary().unwrap_or_default();
    if is_fixed {
        let mut run = Run::<Small>::new(config, only_listens);
        steps(&mut input, |step| run.step(step));
        run.end();
    } else {
        let mut run = Run::<Heap>::new(config, only_listens);
        steps(&mut input, |step| run.step(step));
        run.end();
    }
}

fn steps<'a>(input: &mut Unstructured<'a>, mut take: impl FnMut(&Step<'a>)) {
    while !input.is_empty() {
        match input.arbitrary() {
            Ok(step) => take(&step),
            Err(_) => return,
        }
    }
}
