//! Histograms of stage times, counters, traces.
