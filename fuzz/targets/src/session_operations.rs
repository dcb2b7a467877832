//! A session and the model broker, and what an application, the network and the broker do with them.

mod account;
mod client;
mod step;
mod world;

use arbitrary::Unstructured;
use mqtt_session::Heap;

use crate::settings::{Small, setting};
use step::{Step, broker};
use world::World;

/// A setting of the session, one of the broker, then one operation after the other; then all goes
/// well until nothing is left to do.
///
/// Every accepted operation has exactly one outcome, QoS 2 arrives exactly once and QoS 1 at least
/// once, whole and each QoS in its order, in both directions, and the broker never finds fault with
/// what the session sends.
pub fn session_operations(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(setting) = setting(&mut input) else { return };
    let Ok(broker) = broker(&mut input, setting.config.version) else { return };
    let Ok(keep_alive) = input.arbitrary::<u8>() else { return };
    if setting.is_fixed {
        let mut world = World::<Small>::new(&setting, keep_alive.into(), broker);
        steps(&mut input, |step| world.step(step));
        world.finish();
    } else {
        let mut world = World::<Heap>::new(&setting, keep_alive.into(), broker);
        steps(&mut input, |step| world.step(step));
        world.finish();
    }
}

/// More of them than this show nothing more.
const MOST: usize = 400;

fn steps(input: &mut Unstructured<'_>, mut take: impl FnMut(&Step)) {
    for _ in 0..MOST {
        if input.is_empty() {
            return;
        }
        match input.arbitrary() {
            Ok(step) => take(&step),
            Err(_) => return,
        }
    }
}
