//! A client that publishes, one that subscribes, and what came through.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mqtt_adapter_blocking::{
    Backoff, ClientEvent, Message, Options, Publish, QoS, SessionExpiry, SubscribeOptions, Version,
};
use mqtt_testkit::Proxy;
use mqtt_tests::adapter::{Adapter, Client, Events, Handle, Subscription};

use crate::broker_log::BrokerLog;
use crate::faults::{Struck, strike};

/// Both, with the topics they go to.
const FLOWS: [(&str, QoS); 2] = [("soak/1", QoS::AtLeastOnce), ("soak/2", QoS::ExactlyOnce)];

/// Messages on their way at once, sent and not received: within Receive Maximum, which mosquitto
/// 2.0.11 exceeds when it has more, and then it changes their order.
const WINDOW: u64 = 300;

/// What a lane did.
#[derive(Debug)]
pub(crate) struct Tally {
    version: Version,
    pub(crate) numbers: Numbers,
    pub(crate) faults: Struck,
    /// Connections that found their session: all but the first.
    pub(crate) resumed: u64,
}

/// What came of each flow: numbers from 0 on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers {
    /// The next that has not come yet.
    next: [u32; 2],
    /// What had come already and came again.
    again: [Vec<u32>; 2],
}

/// A longer delay before an attempt is worth a line.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is sent last.
const LAST: &[u8] = b"last";

/// Publishes and receives through proxies that strike until it is time, and a little longer. Fails
/// when something is lost, repeated or out of order.
pub(crate) fn run<P: Adapter, S: Adapter>(
    broker: &String,
    version: Version,
    seed: u64,
    until: Instant,
) -> Tally {
    let proxies = [(); 2].map(|()| Proxy::start_seeded(broker, seed).expect("a proxy"));
    let publisher = connect::<P>(&proxies[0], version, "publisher");
    let subscriber = connect::<S>(&proxies[1], version, "subscriber");
    let prefix = format!("{version:?}");
    let filter = SubscribeOptions::new(format!("{prefix}/#")).qos(QoS::ExactlyOnce);
    let stream = subscriber.subscribe(filter).unwrap();
    let events = [listen(publisher.events()), listen(subscriber.events())];
    let (quiet, came) = (&AtomicBool::new(false), &AtomicU64::new(0));
    let (sent, numbers, faults) = thread::scope(|scope| {
        let strikes = [(&proxies[0], seed), (&proxies[1], seed.rotate_left(32))]
            .map(|(proxy, seed)| scope.spawn(move || strike(proxy, seed, quiet)));
        let received = scope.spawn(|| receive(stream, came));
        let sent = publish(&publisher, &prefix, until, came);
        quiet.store(true, Ordering::Relaxed);
        finish(&publisher, &prefix);
        let struck = strikes.map(|strikes| strikes.join().expect("faults"));
        (sent, received.join().expect("what came"), struck[0] + struck[1])
    });
    assert_eq!(numbers.next, [sent; 2], "the end of a flow is lost");
    publisher.disconnect();
    subscriber.disconnect();
    let [first, second] = events.map(|events| events.join().expect("events"));
    let (resumed, anew) = (first.0 + second.0, first.1 + second.1);
    assert_eq!(anew, 0, "the broker keeps its sessions");
    Tally { version, numbers, faults, resumed }
}

/// Notices soon that nobody answers, and connects again soon.
fn connect<A: Adapter>(proxy: &Proxy, version: Version, name: &str) -> A::Client {
    let options = Options::new(proxy.url()).unwrap().client_id(format!("{version:?}-{name}"));
    let options = options
        .version(version)
        // 2.0.11 ends a session its interval after the first of many disconnections.
        .session_expiry(SessionExpiry::Never)
        .keep_alive(Duration::from_secs(1))
        .ping_timeout(Duration::from_millis(300))
        .connect_timeout(Duration::from_secs(1))
        .backoff(Backoff::Constant(Duration::from_millis(20)));
    A::start().connect(options).unwrap()
}

/// Counts the connections that found their session, and those that did not; tells of delays that a
/// run would not survive.
fn listen(mut events: impl Events) -> thread::JoinHandle<(u64, u64)> {
    let start = Instant::now();
    thread::spawn(move || {
        let (mut resumed, mut anew) = (0, 0);
        loop {
            match events.next() {
                Some(ClientEvent::Connected { session_present: true }) => resumed += 1,
                Some(ClientEvent::Connected { session_present: false }) => {
                    println!("the broker lost a session");
                    anew += 1;
                }
                Some(ClientEvent::Waiting { delay }) if delay > PATIENCE => {
                    println!("{:?}: the next attempt comes in {delay:?}", start.elapsed());
                }
                Some(ClientEvent::Closed) | None => return (resumed, anew),
                Some(_) => {}
            }
        }
    })
}

/// Numbers both flows until it is time, and waits for the outcomes; how many numbers each got.
fn publish(client: &impl Client, prefix: &str, until: Instant, came: &AtomicU64) -> u32 {
    let mut unanswered = VecDeque::new();
    let mut number = 0_u32;
    loop {
        let sent = u64::from(number) * FLOWS.len() as u64;
        while sent - came.load(Ordering::Relaxed) > WINDOW && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        if Instant::now() >= until {
            break;
        }
        for (topic, qos) in &FLOWS {
            let topic = format!("{prefix}/{topic}/{number}");
            let message = Publish::new(topic, number.to_be_bytes().to_vec()).qos(*qos);
            unanswered.push_back(client.enqueue(message).unwrap());
        }
        number += 1;
        while unanswered.len() > WINDOW as usize {
            unanswered.pop_front().expect("one").wait().expect("delivered");
        }
    }
    for handle in unanswered {
        handle.wait().expect("delivered");
    }
    number
}

/// The last of each flow, when the network is quiet: it comes behind all others.
fn finish(client: &impl Client, prefix: &str) {
    for (topic, qos) in &FLOWS {
        let topic = format!("{prefix}/{topic}");
        client.publish(Publish::new(topic, LAST).qos(*qos)).expect("delivered");
    }
}

/// Takes all there is, up to the last of each flow.
fn receive(mut stream: impl Subscription, came: &AtomicU64) -> Numbers {
    let mut numbers = Numbers::default();
    let mut ended = [false; 2];
    while ended != [true; 2] {
        let message = stream.recv().expect("a message");
        let of_topic = |(topic, _): &(&str, QoS)| message.topic().contains(topic);
        let flow = FLOWS.iter().position(of_topic).expect("a topic of these");
        if message.payload() == LAST {
            ended[flow] = true;
        } else {
            numbers.count(flow, &message);
            came.store(numbers.total(), Ordering::Relaxed);
        }
    }
    numbers
}

impl Numbers {
    fn count(&mut self, flow: usize, message: &Message) {
        let number = u32::from_be_bytes(message.payload().try_into().expect("a number"));
        let next = &mut self.next[flow];
        assert!(number <= *next, "{number} came before {next}, at {:?}", FLOWS[flow].1);
        if number == *next {
            *next += 1;
        } else {
            self.again[flow].push(number);
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.next.iter().map(|next| u64::from(*next)).sum()
    }
}

impl Tally {
    /// A QoS 2 message comes again only if the broker sent it again when it must not.
    pub(crate) fn check_copies(&self, log: &BrokerLog) {
        let [_, again] = &self.numbers.again;
        if again.is_empty() {
            return;
        }
        let sent_again = log.sent_after_pubrec(&format!("{:?}-subscriber", self.version));
        for number in again {
            let topic = format!("{:?}/{}/{number}", self.version, FLOWS[1].0);
            assert!(sent_again.contains(&topic), "{topic} came twice");
        }
        println!("{} copies that the broker sent after PUBREC", again.len());
    }
}

impl std::ops::Add for Struck {
    type Output = Struck;

    fn add(self, other: Struck) -> Struck {
        Struck {
            cuts: self.cuts + other.cuts,
            cuts_inside: self.cuts_inside + other.cuts_inside,
            stalls: self.stalls + other.stalls,
            long_stalls: self.long_stalls + other.long_stalls,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { version, numbers, faults, resumed } = self;
        let [once, exactly] = numbers.next;
        let Struck { cuts, cuts_inside, stalls, long_stalls } = faults;
        write!(
            f,
            "{version:?}: QoS 1: {once} messages and {} copies, QoS 2: {exactly} messages and {} \
             copies, all in order; {cuts} cuts ({cuts_inside} behind a certain byte), {stalls} stalls \
             ({long_stalls} longer than the ping timeout), {resumed} resumptions",
            numbers.again[0].len(),
            numbers.again[1].len()
        )
    }
}
