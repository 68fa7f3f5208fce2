/** What was found is told whole, unless it is a document: a summary shows nothing but the message. */
import { config } from "chai";

config.truncateThreshold = 2_000;
