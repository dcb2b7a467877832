//! A runtime in memory with virtual time, and the broker's end of its connections.
//!
//! Whatever the driver calls (transport, timer, waker) asserts that the lock of the state is free.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use mqtt_session::proto::{Dialect, Encode, FixedHeader, Packet, ReasonCode, Role, Version};

use super::packets::{connack, describe};
use super::pipe::{End, Pipe};
use crate::shared::Shared;
use crate::{Client, Driver, Options, Runtime, Time, Timer, client};

/// A client, its driver, and all that is around them.
pub(super) struct World {
    pub(super) client: Option<Client>,
    driver: Option<Pin<Box<Driver<Memory>>>>,
    flag: Arc<Flag>,
    sky: Arc<Sky>,
    version: Version,
}

/// What all parts of a world see.
#[derive(Default)]
pub(super) struct Sky {
    /// Microseconds.
    now: AtomicU64,
    alarm: Mutex<Option<(Time, Waker)>>,
    pipes: Mutex<Vec<Arc<Pipe>>>,
    /// What dialling does.
    pub(super) dialling: Mutex<Dialling>,
    /// The hosts that were dialled.
    pub(super) hosts: Mutex<Vec<String>>,
    /// The addresses that were dialled.
    pub(super) addresses: Mutex<Vec<SocketAddr>>,
    /// Attempts that hang.
    hanging: AtomicUsize,
    /// The address that answers after all, and who is told.
    answering: Mutex<(Option<IpAddr>, Vec<Waker>)>,
    lock: OnceLock<Weak<Shared>>,
    checks: AtomicUsize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Dialling {
    #[default]
    Works,
    Unresolved,
    Refused,
    /// The first of two addresses is.
    FirstRefused,
    /// The first of two addresses does not answer.
    FirstHangs,
    Hangs,
}

impl Sky {
    /// How often the lock was looked at.
    pub(super) fn checks(&self) -> usize {
        self.checks.load(Ordering::Relaxed)
    }

    /// How many attempts hang.
    pub(super) fn hanging(&self) -> usize {
        self.hanging.load(Ordering::Relaxed)
    }

    /// Attempts at this address, which hang, succeed.
    pub(super) fn answer(&self, address: IpAddr) {
        let (answers, wakers) = &mut *self.answering.lock().unwrap();
        *answers = Some(address);
        wakers.drain(..).for_each(Waker::wake);
    }

    /// Hangs until this address answers.
    async fn hang(&self, address: IpAddr) {
        let _hanging = Hanging::new(&self.hanging);
        poll_fn(|cx| {
            let (answers, wakers) = &mut *self.answering.lock().unwrap();
            if *answers == Some(address) {
                return Poll::Ready(());
            }
            wakers.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn now(&self) -> Time {
        Time::from_micros(self.now.load(Ordering::Relaxed))
    }

    /// Every call out of the driver and every waker comes by here.
    pub(super) fn check_lock(&self) {
        self.checks.fetch_add(1, Ordering::Relaxed);
        if let Some(shared) = self.lock.get().and_then(Weak::upgrade) {
            assert!(shared.is_free(), "the lock is held over a call out of the state");
        }
    }
}

impl World {
    pub(super) fn new(change: impl FnOnce(Options) -> Options) -> World {
        let sky = Arc::new(Sky::default());
        let options = change(Options::new("mqtt://broker").unwrap().seed(1).client_id("test"));
        let version = options.connect.first_version();
        let (client, driver) = client(Memory(Arc::clone(&sky)), options).unwrap();
        assert!(sky.lock.set(Arc::downgrade(client.shared())).is_ok());
        let flag = Flag::new(&sky);
        flag.woken.store(true, Ordering::Relaxed);
        World { client: Some(client), driver: Some(Box::pin(driver)), flag, sky, version }
    }

    /// A world whose client is connected; what it sent is forgotten.
    pub(super) fn connected(change: impl FnOnce(Options) -> Options) -> World {
        let mut world = World::new(change);
        world.accept(false);
        world
    }

    /// Lets the client connect.
    pub(super) fn accept(&mut self, session_present: bool) {
        self.run();
        assert!(self.sent().first().is_some_and(|packet| packet.starts_with("CONNECT")));
        self.reply(&connack(session_present, ReasonCode::Success));
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone().unwrap()
    }

    pub(super) fn sky(&self) -> &Arc<Sky> {
        &self.sky
    }

    /// Polls the driver as long as it is woken.
    pub(super) fn run(&mut self) {
        let waker = self.flag.waker();
        for _ in 0..1000 {
            if !self.flag.woken.swap(false, Ordering::Relaxed) {
                return;
            }
            let Some(driver) = &mut self.driver else { return };
            if driver.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                self.driver = None;
            }
        }
        panic!("the driver does not come to rest");
    }

    /// Lets time pass, from alarm to alarm.
    pub(super) fn advance(&mut self, time: Duration) {
        let end = self.now().after(time);
        loop {
            self.run();
            let alarm = self.sky.alarm.lock().unwrap().take_if(|(at, _)| *at <= end);
            let Some((at, waker)) = alarm else { break };
            self.sky.now.fetch_max(at.as_micros(), Ordering::Relaxed);
            waker.wake();
        }
        self.sky.now.store(end.as_micros(), Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Time {
        self.sky.now()
    }

    /// How often the driver was woken.
    pub(super) fn wakes(&self) -> usize {
        self.flag.count.load(Ordering::Relaxed)
    }

    pub(super) fn driver_has_ended(&self) -> bool {
        self.driver.is_none()
    }

    pub(super) fn drop_driver(&mut self) {
        self.driver = None;
    }

    /// The broker's end of the last connection.
    pub(super) fn pipe(&self) -> Arc<Pipe> {
        self.sky.pipes.lock().unwrap().last().cloned().unwrap()
    }

    pub(super) fn connections(&self) -> usize {
        self.sky.pipes.lock().unwrap().len()
    }

    /// What the client sent since the last call, one line per packet.
    pub(super) fn sent(&mut self) -> Vec<String> {
        self.run();
        let pipe = self.pipe();
        let mut bytes = pipe.take_sent();
        let dialect = Dialect { version: self.version, sender: Role::Client, lenient: false };
        let mut packets = Vec::new();
        while let Some(header) = FixedHeader::decode(&bytes, dialect).unwrap() {
            let Some(body) = bytes.get(usize::from(header.len)..header.packet_len()) else { break };
            let packet = Packet::decode(header, body, dialect).unwrap();
            if let Packet::Connect(connect) = packet {
                self.version = connect.version;
            }
            packets.push(describe(&packet));
            bytes.drain(..header.packet_len());
        }
        pipe.put_back(bytes);
        packets
    }

    /// The version of the last CONNECT seen.
    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Ends the connection.
    pub(super) fn cut(&mut self) {
        self.pipe().change(|state| state.broker_closed = true);
        self.run();
    }

    /// Sends a packet to the client, which takes it at once.
    pub(super) fn reply(&mut self, packet: &Packet<'_>) {
        self.send(packet);
        self.run();
    }

    /// The bytes of a packet of the broker.
    pub(super) fn encode(&self, packet: &Packet<'_>) -> Vec<u8> {
        let dialect = Dialect { version: self.version, sender: Role::Server, lenient: false };
        let measure = packet.measure(dialect).unwrap();
        let mut bytes = vec![0; measure.len];
        packet.write(dialect, &measure, &mut bytes).unwrap();
        bytes
    }

    /// Sends a packet to the client.
    pub(super) fn send(&mut self, packet: &Packet<'_>) {
        self.pipe().send(&self.encode(packet));
    }

    /// Starts a call of the application.
    pub(super) fn task<F: Future>(&self, future: F) -> Task<F> {
        Task { future: Box::pin(future), flag: Flag::new(&self.sky) }
    }

    /// Finishes a call, which must need nothing but the driver.
    pub(super) fn finish<F: Future>(&mut self, future: F) -> F::Output {
        let mut task = self.task(future);
        for _ in 0..100 {
            if let Poll::Ready(output) = task.poll() {
                return output;
            }
            self.run();
        }
        panic!("the call does not come to an end");
    }
}

/// A call of the application.
pub(super) struct Task<F: Future> {
    future: Pin<Box<F>>,
    flag: Arc<Flag>,
}

impl<F: Future> Task<F> {
    pub(super) fn poll(&mut self) -> Poll<F::Output> {
        self.flag.woken.store(false, Ordering::Relaxed);
        self.future.as_mut().poll(&mut Context::from_waker(&self.flag.waker()))
    }

    /// Polls another call as this one's task.
    pub(super) fn poll_other<T>(&self, other: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        other.poll(&mut Context::from_waker(&self.flag.waker()))
    }

    pub(super) fn is_woken(&self) -> bool {
        self.flag.woken.load(Ordering::Relaxed)
    }

    /// Polls a call that must be ready.
    pub(super) fn output(mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the call still waits"),
        }
    }
}

/// A waker that counts.
struct Flag {
    woken: AtomicBool,
    count: AtomicUsize,
    sky: Arc<Sky>,
}

impl Flag {
    fn new(sky: &Arc<Sky>) -> Arc<Flag> {
        Arc::new(Flag {
            woken: AtomicBool::new(false),
            count: AtomicUsize::new(0),
            sky: Arc::clone(sky),
        })
    }

    fn waker(self: &Arc<Flag>) -> Waker {
        Arc::clone(self).into()
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.sky.check_lock();
        self.woken.store(true, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

/// The runtime.
pub(super) struct Memory(Arc<Sky>);

impl Runtime for Memory {
    type Transport = End;
    type Timer = Alarm;

    fn now(&self) -> Time {
        self.0.now()
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.0.check_lock();
        assert_eq!(port, 1883);
        self.0.hosts.lock().unwrap().push(host.to_owned());
        if *self.0.dialling.lock().unwrap() == Dialling::Unresolved {
            return Err(io::ErrorKind::NotFound.into());
        }
        let [first, second] = [IpAddr::from(Ipv6Addr::LOCALHOST), Ipv4Addr::LOCALHOST.into()];
        Ok(vec![SocketAddr::new(first, port), SocketAddr::new(second, port)])
    }

    async fn dial(&self, address: SocketAddr) -> io::Result<End> {
        self.0.check_lock();
        let dialling = *self.0.dialling.lock().unwrap();
        self.0.addresses.lock().unwrap().push(address);
        match dialling {
            Dialling::Refused => return Err(io::ErrorKind::ConnectionRefused.into()),
            Dialling::FirstRefused if address.is_ipv6() => {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            Dialling::FirstHangs if address.is_ipv6() => self.0.hang(address.ip()).await,
            Dialling::Hangs => self.0.hang(address.ip()).await,
            Dialling::Works
            | Dialling::FirstRefused
            | Dialling::FirstHangs
            | Dialling::Unresolved => {}
        }
        let pipe = Pipe::new();
        self.0.pipes.lock().unwrap().push(Arc::clone(&pipe));
        Ok(End::new(pipe, &self.0))
    }

    fn timer(&self) -> Alarm {
        Alarm(Arc::clone(&self.0))
    }
}

/// Counts an attempt that hangs.
struct Hanging<'a>(&'a AtomicUsize);

impl Hanging<'_> {
    fn new(count: &AtomicUsize) -> Hanging<'_> {
        count.fetch_add(1, Ordering::Relaxed);
        Hanging(count)
    }
}

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) struct Alarm(Arc<Sky>);

impl Timer for Alarm {
    fn poll_deadline(&mut self, cx: &mut Context<'_>, at: Time) -> Poll<()> {
        self.0.check_lock();
        if at <= self.0.now() {
            return Poll::Ready(());
        }
        *self.0.alarm.lock().unwrap() = Some((at, cx.waker().clone()));
        Poll::Pending
    }
}
