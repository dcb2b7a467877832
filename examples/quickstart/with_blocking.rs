//! The client on blocking std threads.
