// Written by `make sync` from the lessons and their exercises.

export const LESSONS = [
  { number: "00", name: "start here", exercises: ["00-1"] },
  { number: "01", name: "one socket", exercises: ["01-1", "01-2"] },
  { number: "02", name: "broadcast", exercises: ["02-1", "02-2"] },
  { number: "03", name: "serve it", exercises: ["03-1", "03-2"] },
  { number: "04", name: "client", exercises: ["04-1", "04-2"] },
  { number: "04b", name: "transit", exercises: ["04b-1"] },
  { number: "05", name: "widget", exercises: ["05-1", "05-2"] },
  { number: "06", name: "browser page", exercises: ["06-1", "06-2"] },
  { number: "07", name: "trust nobody", exercises: ["07-1", "07-2", "07-3"] },
  { number: "08", name: "rooms and names", exercises: ["08-1", "08-2", "08-3"] },
  { number: "09", name: "lose nothing", exercises: ["09-1", "09-2", "09-3"] },
  { number: "10", name: "go fast", exercises: ["10-1", "10-2", "10-3"] },
  { number: "11", name: "many servers", exercises: ["11-1", "11-2", "11-3"] },
  { number: "12", name: "ship it", exercises: ["12-1", "12-2", "12-3", "12-4", "12-5", "12-6", "12-7"] },
];
