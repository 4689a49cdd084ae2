// Run once, by the image, on an empty database: one user for the service, one that may only watch.
db.getSiblingDB("rce").createUser({
  user: "rce",
  pwd: process.env.MONGODB_PASSWORD,
  roles: [{ role: "readWrite", db: "rce" }],
});
db.getSiblingDB("admin").createUser({
  user: "exporter",
  pwd: process.env.MONGODB_EXPORTER_PASSWORD,
  roles: [
    { role: "clusterMonitor", db: "admin" },
    { role: "readAnyDatabase", db: "admin" },
  ],
});
