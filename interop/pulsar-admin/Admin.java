// SPDX-License-Identifier: Apache-2.0
package org.apache.pulsar.admin.cli;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * Runs commands of the unmodified pulsar-admin, all in one JVM: reads lines of tab-separated words, `CONFIG ARG...`, and
 * answers each by `@begin`, what the command wrote, `@end STATUS`. In the tool's package, where it can be told not to end
 * the JVM.
 *
 * usage: Admin < lines
 */
public final class Admin {
	private Admin() {
	}

	public static void main(String[] args) throws Exception {
		PrintStream out = System.out;
		PulsarAdminTool.setAllowSystemExit(false);
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
		for (String line; (line = in.readLine()) != null;) {
			ByteArrayOutputStream text = new ByteArrayOutputStream();
			PrintStream to = new PrintStream(text, true, StandardCharsets.UTF_8);
			System.setOut(to);
			System.setErr(to);
			try {
				PulsarAdminTool.main(line.split("\t"));
			} catch (Throwable t) {
				t.printStackTrace();
			}
			to.flush();
			out.println("@begin");
			out.println(text.toString(StandardCharsets.UTF_8));
			out.println("@end " + PulsarAdminTool.getLastExitCode());
			out.flush();
		}
		System.exit(0);
	}
}
