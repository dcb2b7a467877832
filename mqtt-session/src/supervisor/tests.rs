mod brokers;
mod versions;

use mqtt_proto::ReasonCode;

use super::*;
use crate::{CloseReason, Refusal};

const SECOND: Duration = Duration::from_secs(1);

/// The default without jitter.
const EXACT: Backoff =
    Backoff::Exponential { first: SECOND, longest: Duration::from_secs(30), jitter_percent: 0 };

fn config() -> SupervisorConfig {
    SupervisorConfig {
        backoff: EXACT,
        version: VersionChoice::Only(Version::V5),
        max_attempts: None,
        stop_on_refusal: false,
        reconnect: true,
        follow_redirects: false,
        seed: 1,
    }
}

/// A supervisor on a virtual clock.
struct Run {
    supervisor: Supervisor,
    now: Time,
    /// Of the last attempt.
    version: Version,
}

impl Run {
    fn new(config: SupervisorConfig, brokers: usize) -> Run {
        let mut supervisor = Supervisor::new(config, brokers);
        assert_eq!(supervisor.poll(Time::ZERO), Action::Stopped);
        supervisor.start(Time::ZERO);
        Run { supervisor, now: Time::ZERO, version: Version::V5 }
    }

    /// Waits until it is to dial; gives the delay and the broker.
    #[track_caller]
    fn dial(&mut self) -> (Duration, Target) {
        let start = self.now;
        let mut action = self.supervisor.poll(self.now);
        if let Action::Wait(until) = action {
            assert!(until > self.now);
            self.now = until;
            action = self.supervisor.poll(until);
        }
        let Action::Dial { target, version, .. } = action else { panic!("{action:?}") };
        self.version = version;
        (self.now.since(start), target)
    }

    /// Dials, and the attempt fails.
    #[track_caller]
    fn fail(&mut self, class: FailureClass) -> Duration {
        let (delay, _) = self.dial();
        self.supervisor.handle_failed(self.now, class);
        delay
    }

    /// Dials, and the connection ends after this time.
    #[track_caller]
    fn connect(&mut self, lasted: Duration, class: FailureClass) -> Duration {
        let (delay, _) = self.dial();
        self.supervisor.handle_connected(self.now);
        assert_eq!(self.supervisor.poll(self.now), Action::Busy);
        self.now = self.now.after(lasted);
        self.supervisor.handle_failed(self.now, class);
        delay
    }
}

/// Promises: LIVE-2
#[test]
fn the_delay_doubles_up_to_the_longest() {
    let mut run = Run::new(config(), 1);
    let delays: [_; 8] = core::array::from_fn(|_| run.fail(FailureClass::Transient).as_secs());
    assert_eq!(delays, [0, 1, 2, 4, 8, 16, 30, 30]);
}

/// Promises: LIVE-2
#[test]
fn a_hundred_failures_do_not_overflow() {
    let longest = Duration::MAX;
    let backoff = Backoff::Exponential { first: SECOND, longest, jitter_percent: 100 };
    let mut run = Run::new(SupervisorConfig { backoff, ..config() }, 1);
    for _ in 0..100 {
        run.fail(FailureClass::Transient);
    }
    run.connect(SECOND, FailureClass::TakenOver);
}

/// Promises: LIVE-2
#[test]
fn jitter_stays_within_its_share_and_comes_from_the_seed() {
    let delays = |seed| {
        let backoff = Backoff::default();
        let mut run = Run::new(SupervisorConfig { seed, backoff, ..config() }, 1);
        run.fail(FailureClass::Permanent);
        core::array::from_fn::<_, 50, _>(|_| run.fail(FailureClass::Permanent))
    };
    for seed in 0..20 {
        let delays = delays(seed);
        let bounds = Duration::from_secs(24)..=Duration::from_secs(36);
        assert!(delays.iter().all(|delay| bounds.contains(delay)), "{delays:?}");
        assert!(delays.iter().any(|delay| *delay < Duration::from_secs(27)), "{delays:?}");
        assert!(delays.iter().any(|delay| *delay > Duration::from_secs(33)), "{delays:?}");
    }
    assert_eq!(delays(1), delays(1));
    assert_ne!(delays(1), delays(2));
}

/// Promises: LIVE-2
#[test]
fn full_jitter_is_anything_up_to_the_doubled_delay() {
    let backoff = Backoff::FullJitter { first: SECOND, longest: 8 * SECOND };
    let mut run = Run::new(SupervisorConfig { backoff, ..config() }, 1);
    let delays: [_; 60] = core::array::from_fn(|_| run.fail(FailureClass::Transient));
    for (retry, delay) in delays.iter().skip(1).enumerate() {
        let most = SECOND * 2u32.saturating_pow(u32::try_from(retry).unwrap());
        assert!(*delay <= most.min(8 * SECOND), "{delays:?}");
    }
    assert!(delays[10..].iter().any(|delay| *delay < 2 * SECOND), "{delays:?}");
    assert!(delays[10..].iter().any(|delay| *delay > 6 * SECOND), "{delays:?}");
    run.fail(FailureClass::Permanent);
    assert_eq!(run.fail(FailureClass::Transient), 8 * SECOND);
}

/// Promises: LIVE-2
#[test]
fn a_constant_delay_stays_what_it_is() {
    let backoff = Backoff::Constant(3 * SECOND);
    let mut run = Run::new(SupervisorConfig { backoff, ..config() }, 1);
    run.fail(FailureClass::Transient);
    assert_eq!(run.fail(FailureClass::Permanent), 3 * SECOND);
    assert_eq!(run.fail(FailureClass::Transient), 3 * SECOND);
    // But not for two clients of one name.
    assert_eq!(run.connect(SECOND, FailureClass::TakenOver), 3 * SECOND);
    assert_eq!(run.fail(FailureClass::Transient), 12 * SECOND);
}

/// Promises: LIVE-2
#[test]
fn a_custom_delay_comes_from_its_function() {
    let backoff = Backoff::Custom(|retries, _| SECOND * (retries.min(40) + 1));
    let mut run = Run::new(SupervisorConfig { backoff, ..config() }, 1);
    let delays: [_; 4] = core::array::from_fn(|_| run.fail(FailureClass::Transient).as_secs());
    assert_eq!(delays, [0, 1, 2, 3]);
    run.fail(FailureClass::Permanent);
    assert_eq!(run.dial().0, 41 * SECOND);
}

/// Promises: LIVE-2
#[test]
fn only_a_connection_that_lasted_starts_the_count_over() {
    let mut run = Run::new(config(), 1);
    for _ in 0..4 {
        run.fail(FailureClass::Transient);
    }
    // Eight seconds were waited for it: it must outlive sixteen.
    let short = Duration::from_secs(15);
    assert_eq!(run.connect(short, FailureClass::Transient).as_secs(), 8);
    // And sixteen here, so thirty-two.
    assert_eq!(run.connect(2 * short, FailureClass::Transient).as_secs(), 16);
    assert_eq!(run.connect(4 * short, FailureClass::Transient).as_secs(), 30);
    assert_eq!(run.connect(SECOND, FailureClass::Transient).as_secs(), 1);
}

/// Promises: LIVE-2
#[test]
fn ten_seconds_are_the_least_that_counts_as_lasting() {
    let mut run = Run::new(config(), 1);
    run.fail(FailureClass::Transient);
    // One second was waited, but five are not enough.
    assert_eq!(run.connect(5 * SECOND, FailureClass::Transient).as_secs(), 1);
    assert_eq!(run.connect(10 * SECOND, FailureClass::Transient).as_secs(), 2);
    assert_eq!(run.connect(SECOND, FailureClass::Transient).as_secs(), 1);
}

/// Promises: LIVE-3
#[test]
fn what_waiting_cannot_mend_is_retried_at_the_longest_delay() {
    let mut run = Run::new(config(), 1);
    run.fail(FailureClass::Permanent);
    assert_eq!(run.fail(FailureClass::Permanent).as_secs(), 30);
    assert_eq!(run.fail(FailureClass::Transient).as_secs(), 30);
}

/// Promises: LIVE-3
#[test]
fn what_waiting_cannot_mend_stops_if_told_to() {
    let mut run = Run::new(SupervisorConfig { stop_on_refusal: true, ..config() }, 1);
    run.fail(FailureClass::Transient);
    run.fail(FailureClass::Permanent);
    assert_eq!(run.supervisor.poll(run.now), Action::Stopped);
}

/// Promises: LIVE-3
#[test]
fn being_taken_over_backs_off_steeply() {
    let mut run = Run::new(config(), 1);
    let delays: [_; 6] = core::array::from_fn(|_| {
        run.connect(Duration::from_secs(100), FailureClass::TakenOver).as_secs()
    });
    assert_eq!(delays, [0, 4, 16, 64, 256, 1024]);
    assert_eq!(run.connect(SECOND, FailureClass::TakenOver).as_secs(), 3600);
}

/// Promises: LIVE-2, LIVE-3
#[test]
fn being_taken_over_now_and_then_starts_the_count_over() {
    let mut run = Run::new(SupervisorConfig { max_attempts: Some(2), ..config() }, 1);
    let day = Duration::from_secs(24 * 3600);
    for _ in 0..8 {
        // It neither gives up nor waits longer each time.
        assert!(run.connect(day, FailureClass::TakenOver).as_secs() <= 4);
    }
    // Less says that the other one waits, too.
    let hours = Duration::from_secs(7199);
    assert_eq!(run.connect(hours, FailureClass::TakenOver).as_secs(), 4);
    assert_eq!(run.connect(hours, FailureClass::TakenOver).as_secs(), 16);
    assert_eq!(run.dial().0.as_secs(), 64);
}

/// Promises: LIVE-3
#[test]
fn two_clients_of_one_name_do_not_evict_each_other_for_ever() {
    let mut clients = [Supervisor::new(config(), 1), Supervisor::new(config(), 1)];
    let mut due = [Some(Time::ZERO); 2];
    for client in &mut clients {
        client.start(Time::ZERO);
    }
    let day = Time::ZERO.after(Duration::from_secs(24 * 3600));
    let mut owner: Option<usize> = None;
    let mut evictions = 0;
    // The one that dials next takes the session over.
    while let Some(taker) =
        (0..2).filter(|client| due[*client].is_some()).min_by_key(|client| due[*client])
        && let Some(now) = due[taker].take().filter(|now| *now <= day)
    {
        assert!(matches!(clients[taker].poll(now), Action::Dial { .. }));
        clients[taker].handle_connected(now);
        if let Some(evicted) = owner.replace(taker) {
            evictions += 1;
            clients[evicted].handle_failed(now, FailureClass::TakenOver);
            let Action::Wait(until) = clients[evicted].poll(now) else { panic!("it must wait") };
            due[evicted] = Some(until);
        }
    }
    assert!(evictions < 70, "{evictions} in a day");
}

/// Promises: LIVE-3
#[test]
fn three_drops_in_a_row_right_after_connack_are_a_takeover() {
    let mut run = Run::new(config(), 1);
    run.connect(9 * SECOND, FailureClass::Dropped);
    assert_eq!(run.connect(9 * SECOND, FailureClass::Dropped).as_secs(), 1);
    assert_eq!(run.connect(9 * SECOND, FailureClass::Dropped).as_secs(), 2);
    assert_eq!(run.connect(9 * SECOND, FailureClass::Dropped).as_secs(), 4);
    assert_eq!(run.connect(9 * SECOND, FailureClass::Dropped).as_secs(), 16);
    assert_eq!(run.connect(20 * SECOND, FailureClass::Dropped).as_secs(), 64);
    // One that lived longer ends the row.
    assert!(run.connect(9 * SECOND, FailureClass::Dropped).as_secs() <= 30);
}

#[test]
fn it_gives_up_after_so_many_retries_in_a_row() {
    let mut run = Run::new(SupervisorConfig { max_attempts: Some(2), ..config() }, 1);
    for attempt in 0..3 {
        match run.supervisor.poll(run.now.after(run.supervisor.delay)) {
            Action::Dial { attempt: counted, .. } => assert_eq!(counted, attempt),
            other => panic!("{other:?}"),
        }
        run.now = run.now.after(run.supervisor.delay);
        run.supervisor.handle_failed(run.now, FailureClass::Transient);
    }
    assert_eq!(run.supervisor.poll(run.now), Action::Stopped);
    run.supervisor.start(run.now);
    assert_eq!(run.dial().0, Duration::ZERO);
}

#[test]
fn it_does_not_reconnect_if_told_not_to() {
    let mut run = Run::new(SupervisorConfig { reconnect: false, ..config() }, 1);
    // There was nothing to connect again to.
    run.fail(FailureClass::Transient);
    run.connect(Duration::from_secs(100), FailureClass::Transient);
    assert_eq!(run.supervisor.poll(run.now), Action::Stopped);
}

#[test]
fn stop_ends_whatever_it_was_doing() {
    let mut run = Run::new(config(), 1);
    run.fail(FailureClass::Transient);
    run.supervisor.stop();
    assert_eq!(run.supervisor.poll(run.now.after(Duration::from_secs(100))), Action::Stopped);
    // What an attempt reports that was on its way changes nothing.
    run.supervisor.handle_connected(run.now);
    run.supervisor.handle_failed(run.now, FailureClass::Transient);
    assert_eq!(run.supervisor.poll(run.now), Action::Stopped);
}

#[test]
fn start_while_running_changes_nothing() {
    let mut run = Run::new(config(), 1);
    run.fail(FailureClass::Transient);
    run.supervisor.start(run.now);
    assert_eq!(run.dial().0.as_secs(), 1);
}

/// Promises: LIVE-3
#[test]
fn ends_of_connections_have_their_classes() {
    let refused = |reason| CloseReason::Refused(Refusal { reason });
    let cases = [
        (CloseReason::Lost, FailureClass::Dropped),
        (CloseReason::NoConnAck, FailureClass::NoConnAck),
        (CloseReason::NoAnswer, FailureClass::Transient),
        (CloseReason::KeepAlive, FailureClass::Transient),
        (CloseReason::StoreFailed, FailureClass::Permanent),
        (CloseReason::Disconnected(ReasonCode::SessionTakenOver), FailureClass::TakenOver),
        (CloseReason::Disconnected(ReasonCode::ServerBusy), FailureClass::Transient),
        (CloseReason::Disconnected(ReasonCode::NotAuthorized), FailureClass::Permanent),
        (refused(ReasonCode::BadUserNameOrPassword), FailureClass::Permanent),
        (refused(ReasonCode::ClientIdentifierNotValid), FailureClass::Permanent),
        (refused(ReasonCode::UnsupportedProtocolVersion), FailureClass::VersionRefused),
        // The CONNECT itself is to blame, which will be the same; a message need not come again.
        (refused(ReasonCode::PacketTooLarge), FailureClass::Permanent),
        (CloseReason::Disconnected(ReasonCode::PacketTooLarge), FailureClass::Transient),
        (refused(ReasonCode::QuotaExceeded), FailureClass::Transient),
        (refused(ReasonCode::UseAnotherServer), FailureClass::Transient),
        (refused(ReasonCode::ServerMoved), FailureClass::Permanent),
        (refused(ReasonCode::ServerUnavailable), FailureClass::Transient),
    ];
    for (reason, class) in cases {
        assert_eq!(FailureClass::of(&reason), class, "{reason}");
    }
}
