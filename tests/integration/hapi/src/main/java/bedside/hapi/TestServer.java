package bedside.hapi;

import ca.uhn.fhir.batch2.api.IJobMaintenanceService;
import java.io.IOException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * Starts the server on a free port of the loopback address, says where on standard output, and ends when its standard
 * input does: it never outlives the tests that started it.
 */
public final class TestServer {
  private TestServer() {}

  public static void main(String[] arguments) throws Exception {
    AnnotationConfigApplicationContext beans = new AnnotationConfigApplicationContext(JpaSetup.class);

    Server server = new Server();
    ServerConnector connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    connector.setPort(0);
    server.addConnector(connector);
    ServletContextHandler handler = new ServletContextHandler();
    handler.addServlet(new ServletHolder(new FhirServlet(beans)), "/fhir/*");
    server.setHandler(handler);
    server.start();

    // HAPI itself moves export jobs on once a minute.
    IJobMaintenanceService jobs = beans.getBean(IJobMaintenanceService.class);
    ScheduledExecutorService clock =
        Executors.newSingleThreadScheduledExecutor(
            task -> {
              Thread thread = new Thread(task, "job-maintenance");
              thread.setDaemon(true);
              return thread;
            });
    clock.scheduleWithFixedDelay(jobs::runMaintenancePass, 500, 500, TimeUnit.MILLISECONDS);

    System.out.println("http://127.0.0.1:" + connector.getLocalPort() + "/fhir");
    System.out.flush();
    waitForEndOfInput();
    // Nothing is kept, so nothing needs an orderly end.
    Runtime.getRuntime().halt(0);
  }

  private static void waitForEndOfInput() throws IOException {
    while (System.in.read() >= 0) {
      continue;
    }
  }
}
