/** Failures are told whole: what was found is the message, in a summary that shows nothing else. */
import { config } from "chai";

config.truncateThreshold = 0;
