//! Lock-free ring buffers in shared memory: one writer, several readers, newest wins.
