//! The two directions of a connection.

use std::fmt;

use mqtt_session::proto::Role;

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to the broker.
    ToServer,
    /// From the broker to the client.
    ToClient,
}

impl Direction {
    /// Both of them.
    pub const BOTH: [Direction; 2] = [Direction::ToServer, Direction::ToClient];

    /// The direction of what `sender` sends.
    pub const fn from_sender(sender: Role) -> Direction {
        match sender {
            Role::Client => Direction::ToServer,
            Role::Server => Direction::ToClient,
        }
    }

    /// Who sends.
    pub const fn sender(self) -> Role {
        match self {
            Direction::ToServer => Role::Client,
            Direction::ToClient => Role::Server,
        }
    }

    /// The other direction.
    pub const fn reverse(self) -> Direction {
        match self {
            Direction::ToServer => Direction::ToClient,
            Direction::ToClient => Direction::ToServer,
        }
    }
}

/// `->` to the broker, `<-` to the client.
impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::ToServer => "->",
            Direction::ToClient => "<-",
        })
    }
}

/// A value for each direction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Each<T> {
    pub(crate) to_server: T,
    pub(crate) to_client: T,
}

impl<T> Each<T> {
    pub(crate) const fn of(&self, direction: Direction) -> &T {
        match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        }
    }

    pub(crate) const fn of_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }
}
