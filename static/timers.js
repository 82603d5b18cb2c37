// The browser's timers, handed to the parts that need some, so that a test can hand them others.

export const timers = {
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer),
};
