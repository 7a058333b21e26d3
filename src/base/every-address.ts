/** Stands for every IPv4 address of a host, where a port is bound and where somebody is told of it. */
export const EVERY_ADDRESS = "0.0.0.0";
