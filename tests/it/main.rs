//! One binary for all tests at Hostel's boundaries.
