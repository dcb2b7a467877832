//! Connections as a listener accepts them.

use std::net::TcpStream;
use std::ops::ControlFlow;
use std::time::Duration;
use std::{io, thread};

/// How long to wait when a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(20);

/// Gives each connection to `take` until that is the last. `None` is one that could not be accepted,
/// because its client has gone or the system has no room: the next is tried after a pause.
pub(crate) fn accept_each(
    mut accept: impl FnMut() -> io::Result<TcpStream>,
    mut take: impl FnMut(Option<TcpStream>) -> ControlFlow<()>,
) {
    loop {
        let accepted = accept().ok();
        let pause = if accepted.is_none() { PAUSE } else { Duration::ZERO };
        if take(accepted).is_break() {
            return;
        }
        thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn what_cannot_be_accepted_is_not_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let clients = [(); 2].map(|()| TcpStream::connect(address).unwrap());
        let mut errors = [io::ErrorKind::ConnectionAborted, io::ErrorKind::Other].into_iter();
        let accept = || match errors.next() {
            Some(error) => Err(error.into()),
            None => listener.accept().map(|(socket, _)| socket),
        };
        let mut accepted = Vec::new();
        accept_each(accept, |socket| {
            accepted.push(socket.map(|socket| socket.peer_addr().unwrap()));
            if accepted.len() < 4 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let [first, second] = clients.map(|client| Some(client.local_addr().unwrap()));
        assert_eq!(accepted, [None, None, first, second]);
    }
}
