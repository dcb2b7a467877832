//! What must have come of a run, seen from the outside.

use mqtt_session::Memory;
use mqtt_session::proto::QoS;
use mqtt_testkit::broker::LogEvent;

use crate::application::{End, NAME, Progress, State};
use crate::conversation::Step;
use crate::wire;
use crate::world::{Fault, Persistence, World};

/// `Ok` when every promise was kept.
pub(crate) fn judge<M: Memory>(world: &mut World<M>) -> Result<(), String> {
    faults(world)?;
    wire::check(&world.onlooker.wires, world.plan.version)?;
    wills(world)?;
    subscriptions(world)?;
    let steps = &world.onlooker.application.steps;
    let counts = world.witness.count(&mut world.broker, steps.len());
    for (number, (progress, taken)) in steps.iter().zip(counts).enumerate() {
        messages(world, progress, taken)
            .map_err(|what| format!("step {number}, {progress:?}, taken {taken} times: {what}"))?;
    }
    let publishes = steps.iter().filter(|progress| matches!(progress.step, Step::Publish(_)));
    if world.onlooker.application.nameless > publishes.count() {
        return Err("more outcomes than operations".to_owned());
    }
    Ok(())
}

/// What was to go wrong went wrong.
fn faults<M: Memory>(world: &World<M>) -> Result<(), String> {
    let first = match world.plan.fault {
        Fault::None | Fault::Crash(..) => None,
        Fault::Cut(direction, bytes) => Some((direction, bytes)),
    };
    for (at, cut) in [first, world.plan.second].into_iter().enumerate() {
        let Some((direction, bytes)) = cut else { continue };
        let arrived = world.onlooker.wires.get(at).map(|wire| wire.arrived(direction));
        if arrived != Some(bytes) {
            return Err(format!("connection {at} was cut after {arrived:?} bytes"));
        }
    }
    Ok(())
}

/// A Will for each connection that ended without a DISCONNECT, and no other. The client breaks no rule.
fn wills<M: Memory>(world: &World<M>) -> Result<(), String> {
    let (mut connected, mut disconnected, mut published) = (0, 0, 0);
    for entry in world.broker.log() {
        match &entry.event {
            LogEvent::Connected { client_id, .. } if client_id == NAME => connected += 1,
            LogEvent::Disconnected { .. } => disconnected += 1,
            LogEvent::WillPublished { .. } => published += 1,
            LogEvent::Refused { .. }
            | LogEvent::Ended { .. }
            | LogEvent::OutOfOrder { .. }
            | LogEvent::WrongDup { .. }
            | LogEvent::Dropped { .. } => {
                return Err(format!("at the broker: {entry:?}"));
            }
            LogEvent::Stray { .. } if world.plan.persistence == Persistence::Kept => {
                return Err(format!("at the broker: {entry:?}"));
            }
            LogEvent::Opened(_)
            | LogEvent::Connected { .. }
            | LogEvent::Lost(_)
            | LogEvent::Stray { .. }
            | LogEvent::SessionEnded { .. } => {}
        }
    }
    let version = world.plan.version;
    let wires = world.onlooker.wires.iter();
    let arrived = wires.filter(|wire| wire.is_disconnected(version)).count();
    let open = usize::from(world.broker.session(NAME).is_some_and(|it| it.connection.is_some()));
    if (disconnected, published) == (arrived, connected - arrived - open) {
        return Ok(());
    }
    Err(format!("{published} Wills of {connected} connections, {arrived} with DISCONNECT"))
}

/// The broker has the subscriptions, and no others.
fn subscriptions<M: Memory>(world: &World<M>) -> Result<(), String> {
    let Some(session) = world.broker.session(NAME) else {
        return Err("the broker has no session".to_owned());
    };
    let expected = world.plan.conversation.filters();
    let has_them = session.filters == expected;
    has_them.then_some(()).ok_or_else(|| format!("subscribed to {:?}", session.filters))
}

/// A message came as often as its QoS says.
fn messages<M: Memory>(
    world: &World<M>,
    progress: &Progress,
    taken: usize,
) -> Result<(), &'static str> {
    let is_kept = world.plan.persistence == Persistence::Kept;
    let State::Ended(end) = progress.state else { return Err("it has not ended") };
    let deliveries = progress.deliveries;
    match progress.step {
        Step::Publish(QoS::ExactlyOnce) => {
            // Who restored it, or was told so, does not know.
            let may_be_lost = !is_kept && end != End::Done;
            let is_right = taken == 1 || (taken == 0 && may_be_lost);
            is_right.then_some(()).ok_or("QoS 2 is not exactly once")?;
            let may_end = end != End::Indeterminate || !is_kept;
            may_end.then_some(()).ok_or("indeterminate although the session was kept")
        }
        Step::Publish(_) => {
            let is_right = taken > 0 && end != End::Indeterminate;
            is_right.then_some(()).ok_or("QoS 1 is not at least once")
        }
        Step::Receive(qos) => {
            let least = usize::from(end != End::Forgotten);
            // A program that ends before its acknowledgement is stored is told again.
            let may_repeat = qos == QoS::AtLeastOnce || world.has_crashed;
            let is_right = deliveries >= least && (deliveries <= 1 || may_repeat);
            is_right.then_some(()).ok_or("not delivered as often as it should")
        }
        Step::Subscribe(_) | Step::Unsubscribe(_) | Step::Reauthenticate | Step::Disconnect => {
            Ok(())
        }
    }
}
